import { Tensor } from 'onnxruntime-node';
import { type ColumnFiller, compileColumn, type Place, type Values } from './columns.js';
import { compileCoreColumns } from './core-columns.js';
import { diagnose } from './feature-errors.js';
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
    const { inputs } = this.definition;
    const fail = () => diagnose(rows, inputs, this.ignored);
    for (const row of rows) {
      if (typeof row !== 'object' || row === null || Array.isArray(row)) throw fail();
    }
    const objects = rows as readonly Row[];
    const unseen = new UnseenValues();
    const values = this.tensors.map(({ dtype, width }) => new ARRAYS[dtype](rows.length * width) as Values);
    // Column by column: a call and a type check a column instead of a cell.
    for (const fill of this.fillers) if (!fill(objects, values, unseen)) throw fail();
    const feeds: Record<string, Tensor> = Object.create(null) as Record<string, Tensor>;
    this.tensors.forEach(({ name, dtype, rank, width }, at) => {
      const shape = rank === 1 ? [rows.length] : [rows.length, width];
      feeds[name] = new Tensor(dtype, values[at] as never, shape);
    });
    // Where every feature must be there, it is now, so that a row with as many keys as features has no other.
    const usedIgnored = new Set<string>();
    for (const row of objects) {
      const keys = Object.keys(row);
      if (this.namesAll && keys.length === inputs.length) continue;
      for (const key of keys) {
        if (this.names.has(key)) continue;
        if (!this.ignored.has(key)) throw fail();
        usedIgnored.add(key);
      }
      if (this.namesAll && keys.length < inputs.length) throw fail();
    }
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
