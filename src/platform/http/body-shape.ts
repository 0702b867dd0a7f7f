import { invalid } from '../errors/problem.js';

/** Far more than any body here needs, far less than what exhausts the stack of those that copy and check it. */
export const MAX_DEPTH = 32;
/** class-transformer's time grows with the square of an object's names: 50,000 of them block the process for 15 s. */
export const MAX_NAMES = 1000;
/** Copying and checking one takes up to 30 µs. */
const MAX_OBJECTS = 1000;
/** Room for a list of 10,000 columns; copying and checking one value takes up to 3 µs. */
const MAX_VALUES = 12_000;

/**
 * Each prediction passes here: nothing is allocated, and scalars are not called for.
 * @throws Problem 400 for a body that nests deeper than MAX_DEPTH levels
 */
export function refuseDeep(value: unknown, levels = MAX_DEPTH): void {
  if (typeof value !== 'object' || value === null) return;
  if (levels === 0) throw tooDeep();
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') refuseDeep(item, levels - 1);
    return;
  }
  for (const name in value) {
    const item = (value as Record<string, unknown>)[name];
    if (typeof item === 'object') refuseDeep(item, levels - 1);
  }
}

/**
 * Lets through what can be copied and checked within bounds; how deep it nests is known already.
 * @throws Problem 400 for what is no JSON object, holds an object of too many names, or too much in all
 */
export function refuseUnwieldy(body: unknown): asserts body is object {
  // A list would be checked item by item, and null as if it were {}.
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw invalid('', 'the body must be a JSON object');
  refuseTooMuch(body, { objects: 0, values: 0 });
}

function refuseTooMuch(value: unknown, found: { objects: number; values: number }): void {
  if (++found.values > MAX_VALUES) throw invalid('', `the body must not hold more than ${MAX_VALUES} values`);
  if (typeof value !== 'object' || value === null) return;
  if (++found.objects > MAX_OBJECTS)
    throw invalid('', `the body must not hold more than ${MAX_OBJECTS} objects and lists`);
  const inner = Object.values(value);
  if (!Array.isArray(value) && inner.length > MAX_NAMES) throw tooManyNames();
  // class-transformer leaves this name out without a word; Fastify's parser refuses `__proto__` itself.
  if (Object.hasOwn(value, 'constructor')) throw invalid('', 'an object must not hold the name constructor');
  for (const item of inner) refuseTooMuch(item, found);
}

export function tooDeep(): Error {
  return invalid('', `the body must not nest deeper than ${MAX_DEPTH} levels`);
}

export function tooManyNames(): Error {
  return invalid('', `an object must not hold more than ${MAX_NAMES} names`);
}
