import type { Type } from '@nestjs/common';
import { getMetadataStorage } from 'class-validator';
import { fieldsProblem, jsonPointer } from '../errors/problem.js';

const limitsOf = new Map<Type, ReadonlyMap<string, number>>();

/**
 * Refuses lists that are longer than the body's class allows by `@ArrayMaxSize`. class-validator checks all items of a
 * list as well, however many there are.
 * @throws Problem 400 with every such field
 */
export function refuseLongLists(body: object, bodyClass: Type): void {
  let limits = limitsOf.get(bodyClass);
  if (!limits) limitsOf.set(bodyClass, (limits = readLimits(bodyClass)));
  const errors = Array.from(limits).flatMap(([name, most]) => {
    const list: unknown = body[name as keyof typeof body];
    if (!Array.isArray(list) || list.length <= most) return [];
    const message = `must not hold more than ${most} items, holds ${list.length}`;
    return [{ pointer: jsonPointer(name), message }];
  });
  if (errors.length > 0) throw fieldsProblem('INVALID_REQUEST', errors);
}

function readLimits(bodyClass: Type): Map<string, number> {
  const rules = getMetadataStorage().getTargetValidationMetadatas(bodyClass, '', false, false);
  return new Map(
    rules
      .filter(({ name }) => name === 'arrayMaxSize')
      .map(({ propertyName, constraints }) => [propertyName, constraints[0] as number]),
  );
}
