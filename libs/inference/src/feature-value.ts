import type { SignatureInput } from './signature-definition.js';

export type Row = Record<string, unknown>;

/** Reads a feature of a row: undefined where it is not there, null where it is missing. */
export function valueReader({ name, type, reading }: SignatureInput): (row: Row) => unknown {
  const read: (row: Row) => unknown =
    // A row without a feature called "constructor" still answers `row.constructor`, with what it inherits.
    name in Object.prototype
      ? (row) => (Object.hasOwn(row, name) ? row[name] : undefined)
      : (row) => row[name];
  const mayBeAbsent = reading?.may_be_absent === true;
  const words = type !== 'string' && reading?.missing?.length ? new Set(reading.missing) : null;
  if (!mayBeAbsent && !words) return read;
  return (row) => {
    const value = read(row);
    if (value === undefined) return mayBeAbsent ? null : undefined;
    return typeof value === 'string' && words?.has(value.trim()) ? null : value;
  };
}
