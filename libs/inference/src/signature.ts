import { Tensor } from 'onnxruntime-node';
import { diagnose, MAX_TEXT_BYTES } from './feature-errors.js';
import { checkSignature, type SignatureDefinition, type SignatureInput } from './signature-definition.js';
import { UnseenValues } from './unseen-values.js';

/** Rows as tensors, one a feature, each of shape [rows, 1]. */
export interface EncodedRows {
  readonly feeds: Record<string, Tensor>;
  /** What was scored although it may not mean what the caller thinks. */
  readonly warnings: string[];
}

type Row = Record<string, unknown>;

/** One column of the request as a tensor, or null when a value does not fit. */
type ColumnEncoder = (rows: readonly Row[], unseen: UnseenValues) => Tensor | null;

/**
 * Checks a signature document and compiles it.
 * @param json a document of contracts/signature.v1.schema.json
 * @throws InvalidSignature
 */
export function compileSignature(json: unknown): Signature {
  return new Signature(checkSignature(json));
}

/** How named features become input tensors. Made by `compileSignature`; immutable and shared by requests. */
export class Signature {
  private readonly columns: readonly { readonly tensor: string; readonly encode: ColumnEncoder }[];
  private readonly names: ReadonlySet<string>;
  private readonly ignored: ReadonlySet<string>;

  constructor(readonly definition: SignatureDefinition) {
    this.columns = definition.inputs.map((input) => ({ tensor: input.tensor, encode: compileColumn(input) }));
    this.names = new Set(definition.inputs.map(({ name }) => name));
    this.ignored = new Set(definition.ignored);
  }

  /**
   * Encodes rows of features: `null` becomes NaN or the empty text, booleans 0 and 1. Every feature must be
   * there, if only as null. Ignored columns and unseen categories are accepted with a warning.
   * @param rows JSON objects, one a row
   * @throws FeatureErrors naming everything that is wrong in all rows
   */
  encode(rows: readonly unknown[]): EncodedRows {
    const { inputs } = this.definition;
    const fail = () => diagnose(rows, inputs, this.ignored);
    for (const row of rows) {
      if (typeof row !== 'object' || row === null || Array.isArray(row)) throw fail();
    }
    const objects = rows as readonly Row[];
    const unseen = new UnseenValues();
    const feeds: Record<string, Tensor> = Object.create(null) as Record<string, Tensor>;
    // Column by column: a call and a type check a column instead of a cell.
    for (const { tensor, encode } of this.columns) {
      const column = encode(objects, unseen);
      if (column === null) throw fail();
      feeds[tensor] = column;
    }
    // Every feature is there now, so a row with as many keys as features has no other.
    const usedIgnored = new Set<string>();
    for (const row of objects) {
      const keys = Object.keys(row);
      if (keys.length === inputs.length) continue;
      for (const key of keys) {
        if (this.names.has(key)) continue;
        if (!this.ignored.has(key)) throw fail();
        usedIgnored.add(key);
      }
      if (keys.length < inputs.length) throw fail();
    }
    const warnings = Array.from(usedIgnored, (name) => `the model does not use '${name}'; it was ignored`);
    return { feeds, warnings: [...warnings, ...unseen.describe(rows.length)] };
  }
}

function compileColumn(input: SignatureInput): ColumnEncoder {
  const { name, type, nullable } = input;
  // A row without a feature called "constructor" still answers `row.constructor`, with what it inherits.
  const read: (row: Row) => unknown =
    name in Object.prototype
      ? (row) => (Object.hasOwn(row, name) ? row[name] : undefined)
      : (row) => row[name];
  switch (type) {
    case 'string':
      return compileTextColumn(input, read);
    case 'number':
      return floatColumn((row) => {
        const value = read(row);
        return typeof value === 'number' ? value : value === null && nullable ? null : undefined;
      });
    case 'integer':
      return floatColumn((row) => {
        const value = read(row);
        return Number.isSafeInteger(value)
          ? (value as number)
          : value === null && nullable
            ? null
            : undefined;
      });
    case 'boolean':
      return floatColumn((row) => {
        const value = read(row);
        if (value === true || value === 1) return 1;
        if (value === false || value === 0) return 0;
        return value === null && nullable ? null : undefined;
      });
  }
}

/** @param toNumber null for a missing value, undefined for one that does not fit */
function floatColumn(toNumber: (row: Row) => number | null | undefined): ColumnEncoder {
  return (rows) => {
    const values = new Float32Array(rows.length);
    for (let row = 0; row < rows.length; row++) {
      const value = toNumber(rows[row]!);
      if (value === undefined) return null;
      values[row] = value ?? NaN;
      // Also what float32 cannot hold: it has become infinite by being stored.
      if (value !== null && !Number.isFinite(values[row])) return null;
    }
    return new Tensor('float32', values, [rows.length, 1]);
  };
}

function compileTextColumn(
  { name, nullable, categories }: SignatureInput,
  read: (row: Row) => unknown,
): ColumnEncoder {
  const known = categories && new Set(categories);
  // The empty text is how a missing value looks to the model, so it is nothing new to it.
  if (nullable) known?.add('');
  return (rows, unseen) => {
    const values = new Array<string>(rows.length);
    for (let row = 0; row < rows.length; row++) {
      const value = read(rows[row]!) ?? (nullable && read(rows[row]!) === null ? '' : undefined);
      if (typeof value !== 'string' || isTooLong(value)) return null;
      values[row] = value;
      if (known && !known.has(value)) unseen.add(name, value, row);
    }
    return new Tensor('string', values, [rows.length, 1]);
  };
}

function isTooLong(text: string): boolean {
  // A UTF-16 unit takes at most three bytes of UTF-8, so short texts need no counting.
  return text.length * 3 > MAX_TEXT_BYTES && Buffer.byteLength(text) > MAX_TEXT_BYTES;
}
