import { type ClassConstructor, plainToInstance } from 'class-transformer';
import { getMetadataStorage, validateSync } from 'class-validator';
import { jsonPointer } from '../errors/problem.js';
import { fieldErrors } from '../http/body-validation.pipe.js';

/** The spec of a row is not what its kind asks for: another release wrote it, or somebody by hand. */
export class UnreadableSpec extends Error {}

/**
 * Makes an instance of a spec's class of what a row holds. Fields that the class does not know are let through: a
 * newer release may have written them.
 * @throws UnreadableSpec naming every field at fault
 */
export function parseSpec<Spec extends object>(type: ClassConstructor<Spec>, json: unknown): Spec {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new UnreadableSpec('The spec of the job is no JSON object.');
  const spec = plainToInstance(type, json);
  const errors = validateSync(spec, { forbidUnknownValues: true }).flatMap((error) =>
    fieldErrors(error, [], jsonPointer),
  );
  if (errors.length === 0) return spec;
  const faults = errors.map(({ pointer, message }) => `${pointer} ${message}`);
  throw new UnreadableSpec(`The spec of the job does not fit this release: ${faults.join('; ')}.`);
}

/** Names of the fields that a spec's class has decorators for. */
export function fieldsOf(type: ClassConstructor<object>): string[] {
  const rules = getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);
  return [...new Set(rules.map(({ propertyName }) => propertyName))];
}
