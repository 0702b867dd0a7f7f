import { setImmediate } from 'node:timers/promises';
import { Tensor } from 'onnxruntime-node';
import { type ColumnFiller, compileColumn, type Place, type Values } from './columns.js';
import { compileCoreColumns } from './core-columns.js';
import { diagnose, type FeatureErrors } from './feature-errors.js';
import type { Row } from './feature-value.js';
import {
  checkSignature,
  type GraphPart,
  type InputTensor,
  inputTensors,
  type SignatureDefinition,
  tensorsOf,
} from './signature-definition.js';
import { UnseenValues } from './unseen-values.js';

/**
 * Rows as tensors: one a feature, of shape [rows, 1] or [rows], one of shape [rows, k] for k features, or several of
 * shape [rows, 1] for the parts of a timestamp. For a core one of shape [rows, columns].
 */
export interface EncodedRows {
  readonly feeds: Record<string, Tensor>;
  /** What was scored although it may not mean what the caller thinks. */
  readonly warnings: string[];
}

/** Rows on their way to tensors. */
interface Encoding {
  readonly rows: readonly Row[];
  readonly values: readonly Values[];
  readonly unseen: UnseenValues;
  readonly usedIgnored: Set<string>;
  /** Names everything that is wrong. */
  readonly fail: () => FeatureErrors;
}

/** Values that are encoded in one go: about ten milliseconds' work where they are spread over wide rows. */
const VALUES_AT_ONCE = 40_000;

/**
 * Checks a signature document and compiles it.
 * @param json a document of contracts/signature.v1.schema.json
 * @param part what is to be fed
 * @throws InvalidSignature
 */
export function compileSignature(json: unknown, part: GraphPart = 'whole'): Signature {
  return new Signature(checkSignature(json), part);
}

/** How named features become input tensors. Made by `compileSignature`; immutable and shared by requests. */
export class Signature {
  private readonly tensors: readonly InputTensor[];
  private readonly fillers: readonly ColumnFiller[];
  private readonly names: ReadonlySet<string>;
  private readonly ignored: ReadonlySet<string>;
  /** Whether a row must name every feature. */
  private readonly namesAll: boolean;

  constructor(
    readonly definition: SignatureDefinition,
    readonly part: GraphPart,
  ) {
    this.tensors = inputTensors(definition, part);
    this.fillers = part === 'core' ? compileCoreColumns(definition) : this.compileColumns();
    this.names = new Set(definition.inputs.map(({ name }) => name));
    this.ignored = new Set(definition.ignored);
    this.namesAll = definition.inputs.every(({ reading }) => !reading?.may_be_absent);
  }

  /**
   * Encodes rows of features: `null` becomes NaN or the empty text, booleans 0 and 1. Every feature must be
   * there, if only as null, unless rows of the training data did not name it either. Ignored columns and unseen
   * categories are accepted with a warning.
   * @param rows JSON objects, one a row
   * @throws FeatureErrors naming everything that is wrong in all rows
   */
  encode(rows: readonly unknown[]): EncodedRows {
    const encoding = this.begin(rows);
    this.encodeRange(encoding, 0, rows.length);
    return this.end(encoding);
  }

  /** Whether so many rows are encoded within a few milliseconds, so that `encode` blocks nobody for long. */
  isShort(rows: number): boolean {
    return rows * this.definition.inputs.length <= VALUES_AT_ONCE;
  }

  /** As `encode`, but leaves the thread to others after each few thousand values. */
  async encodeInTurns(rows: readonly unknown[]): Promise<EncodedRows> {
    const encoding = this.begin(rows);
    const rowsAtOnce = Math.max(1, Math.floor(VALUES_AT_ONCE / this.definition.inputs.length));
    for (let from = 0; from < rows.length; from += rowsAtOnce) {
      if (from > 0) await setImmediate();
      this.encodeRange(encoding, from, Math.min(rows.length, from + rowsAtOnce));
    }
    return this.end(encoding);
  }

  private begin(rows: readonly unknown[]): Encoding {
    const fail = () => diagnose(rows, this.definition.inputs, this.ignored);
    for (const row of rows) {
      if (typeof row !== 'object' || row === null || Array.isArray(row)) throw fail();
    }
    return {
      rows: rows as readonly Row[],
      values: this.tensors.map(({ dtype, width }) => new ARRAYS[dtype](rows.length * width) as Values),
      unseen: new UnseenValues(),
      usedIgnored: new Set(),
      fail,
    };
  }

  private encodeRange({ rows, values, unseen, usedIgnored, fail }: Encoding, from: number, to: number): void {
    // Column by column: a call and a type check a column instead of a cell.
    for (const fill of this.fillers) if (!fill(rows, values, unseen, from, to)) throw fail();
    const features = this.definition.inputs.length;
    // Where every feature must be there, it is now, so that a row with as many keys as features has no other.
    for (let row = from; row < to; row++) {
      const keys = Object.keys(rows[row]!);
      if (this.namesAll && keys.length === features) continue;
      for (const key of keys) {
        if (this.names.has(key)) continue;
        if (!this.ignored.has(key)) throw fail();
        usedIgnored.add(key);
      }
      if (this.namesAll && keys.length < features) throw fail();
    }
  }

  private end({ rows, values, unseen, usedIgnored }: Encoding): EncodedRows {
    const feeds: Record<string, Tensor> = Object.create(null) as Record<string, Tensor>;
    this.tensors.forEach(({ name, dtype, rank, width }, at) => {
      const shape = rank === 1 ? [rows.length] : [rows.length, width];
      feeds[name] = new Tensor(dtype, values[at] as never, shape);
    });
    const warnings = Array.from(usedIgnored, (name) => `the model does not use '${name}'; it was ignored`);
    return { feeds, warnings: [...warnings, ...unseen.describe(rows.length)] };
  }

  private compileColumns(): ColumnFiller[] {
    const order = new Map(this.tensors.map(({ name }, at) => [name, at]));
    return this.definition.inputs.map((input) => {
      const places = tensorsOf(input).map((name): Place => {
        const tensor = order.get(name)!;
        return { tensor, offset: input.column ?? 0, width: this.tensors[tensor]!.width };
      });
      return compileColumn(input, places);
    });
  }
}

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  int32: Int32Array,
  bool: Uint8Array,
  string: Array<string>,
} as const;
