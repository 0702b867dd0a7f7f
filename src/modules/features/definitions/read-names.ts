import { closestName } from '#libs/inference';
import { type FieldError, jsonPointer } from '../../../platform/errors/problem.js';
import { type Annotations, COLUMN_NAME_PATTERN } from './definitions.js';

/** Names are compared for about a millisecond; what is unknown beyond that is told without a suggestion. */
const MAX_COMPARISONS = 300_000;

/** The name that was probably meant, or null. */
export function closest(wrong: string, names: Iterable<string>): string | null {
  return closestName(wrong, names, { left: MAX_COMPARISONS });
}

/** The end of a message about an unknown name. */
export function meant(wrong: string, names: Iterable<string>): string {
  const name = closest(wrong, names);
  return name === null ? '' : `; did you mean '${name}'?`;
}

/** Adds a fault for each name that cannot be one of a column, or comes twice. @param at pointer of the list */
export function checkColumnNames(
  items: readonly { readonly name: string }[],
  at: string,
  errors: FieldError[],
): void {
  const seen = new Map<string, number>();
  items.forEach(({ name }, index) => {
    const pointer = at + jsonPointer(index, 'name');
    const before = seen.get(name);
    if (!COLUMN_NAME_PATTERN.test(name))
      errors.push({
        pointer,
        message:
          'must be 1 to 63 letters, digits or _, begin with no digit, and be neither __proto__ nor constructor',
      });
    else if (before !== undefined)
      errors.push({ pointer, message: `'${name}' is the name of ${at}/${before}, too` });
    else seen.set(name, index);
  });
}

export function annotationsOf(given: Partial<Annotations>): Annotations {
  return { description: given.description ?? null, tags: given.tags ?? {}, owner: given.owner ?? null };
}
