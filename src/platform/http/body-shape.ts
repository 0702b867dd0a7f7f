import { invalid } from '../errors/problem.js';

/** Far more than any body here needs, far less than what exhausts the stack of those that copy and check it. */
export const MAX_DEPTH = 32;
/** class-transformer's time grows with the square of an object's names: 50,000 of them block the process for 15 s. */
const MAX_NAMES = 1000;

/** @throws Problem 400 for a body that nests deeper than MAX_DEPTH levels */
export function refuseDeep(value: unknown, levels = MAX_DEPTH): void {
  if (typeof value !== 'object' || value === null) return;
  if (levels === 0) throw tooDeep();
  for (const item of Object.values(value)) refuseDeep(item, levels - 1);
}

/**
 * Lets through what can be copied and checked within bounds; how deep it nests is known already.
 * @throws Problem 400 for what is no JSON object, or holds an object of too many names
 */
export function refuseUnwieldy(body: unknown): asserts body is object {
  // A list would be checked item by item, and null as if it were {}.
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw invalid('', 'the body must be a JSON object');
  refuseManyNames(body);
}

function refuseManyNames(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const inner = Object.values(value);
  if (!Array.isArray(value) && inner.length > MAX_NAMES)
    throw invalid('', `an object must not hold more than ${MAX_NAMES} names, one holds ${inner.length}`);
  // class-transformer leaves this name out without a word; Fastify's parser refuses `__proto__` itself.
  if (Object.hasOwn(value, 'constructor')) throw invalid('', 'an object must not hold the name constructor');
  for (const item of inner) refuseManyNames(item);
}

export function tooDeep(): Error {
  return invalid('', `the body must not nest deeper than ${MAX_DEPTH} levels`);
}
