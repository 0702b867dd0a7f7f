import type { FieldError } from '../../../platform/errors/problem.js';
import type { EntityDefinition } from './definitions.js';
import type { PutEntityDto } from './definitions.dto.js';
import { annotationsOf, checkColumnNames } from './read-names.js';

/** @param errors gets every fault */
export function readEntity(name: string, dto: PutEntityDto, errors: FieldError[]): EntityDefinition {
  checkColumnNames(dto.keys, '/keys', errors);
  return { name, keys: dto.keys.map(({ name: key, type }) => ({ name: key, type })), ...annotationsOf(dto) };
}
