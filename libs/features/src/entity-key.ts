import type { KeyColumn } from './feature-types.js';
import { canonicalInteger, describeValue, isWellFormed, UnfitValue } from './feature-value.js';

export const MAX_KEY_BYTES = 512;
/** No text has more bytes of UTF-8 than three for each of its UTF-16 units. */
const SHORT_KEY = Math.floor(MAX_KEY_BYTES / 3);

/** A row names no entity: a key column is absent, null or not of its type, or all together are too long. */
export class UnfitKey extends Error {
  /** @param column at fault; undefined where it is the key as a whole */
  constructor(
    readonly column: string | undefined,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Makes the text that names an entity, from its key columns in this order: whole numbers as decimals; each part but the
 * last has its length in bytes of UTF-8 and a colon before it (`5:hello42`), so that no two keys are one text.
 * @returns a function of a row, which throws UnfitKey
 */
export function entityKeyReader(
  columns: readonly KeyColumn[],
): (row: Readonly<Record<string, unknown>>) => string {
  return (row) => {
    let text = '';
    for (const [at, column] of columns.entries()) {
      const part = keyPart(row, column);
      text += at === columns.length - 1 ? part : `${Buffer.byteLength(part)}:${part}`;
    }
    if (text === '') throw new UnfitKey(columns.at(-1)?.name, 'must not be empty');
    if (text.length > SHORT_KEY && Buffer.byteLength(text) > MAX_KEY_BYTES)
      throw new UnfitKey(
        columns.length === 1 ? columns[0]!.name : undefined,
        `must be at most ${MAX_KEY_BYTES} bytes, is ${Buffer.byteLength(text)}`,
      );
    return text;
  };
}

/**
 * The parts of the text that names an entity, one a key column; undefined where it is no such text.
 * @param count of key columns
 */
export function entityKeyParts(text: string, count: number): string[] | undefined {
  const parts: string[] = [];
  let rest = Buffer.from(text);
  while (parts.length < count - 1) {
    const length = /^(0|[1-9][0-9]{0,2}):/.exec(rest.toString('latin1', 0, 4));
    if (!length || length[0].length + Number(length[1]) > rest.length) return undefined;
    const end = length[0].length + Number(length[1]);
    parts.push(rest.toString('utf8', length[0].length, end));
    rest = rest.subarray(end);
  }
  return [...parts, rest.toString()];
}

function keyPart(row: Readonly<Record<string, unknown>>, { name, type }: KeyColumn): string {
  // A row without a column called "constructor" still answers `row.constructor`, with what it inherits.
  const value = Object.hasOwn(row, name) ? row[name] : undefined;
  if (value === undefined || value === null)
    throw new UnfitKey(name, `is a key and must have a value, got ${describeValue(value)}`);
  if (type === 'string') {
    if (typeof value !== 'string') throw new UnfitKey(name, `must be a text, got ${describeValue(value)}`);
    if (!isWellFormed(value)) throw new UnfitKey(name, 'must be a text without half surrogate pairs');
    return value;
  }
  try {
    return String(canonicalInteger(value));
  } catch (error) {
    throw error instanceof UnfitValue ? new UnfitKey(name, error.message) : error;
  }
}
