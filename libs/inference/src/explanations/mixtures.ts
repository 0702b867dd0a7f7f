import { Tensor } from 'onnxruntime-node';
import type { Place, Values } from '../columns.js';
import {
  type GraphPart,
  type InputTensor,
  inputTensors,
  type SignatureDefinition,
  tensorsOf,
} from '../signature-definition.js';
import type { EncodedRows } from '../signature.js';

/**
 * Rows that are partly one row and partly a background row, feature by feature. They are mixed as the model sees them:
 * each feature has columns of its own in the tensors, so that both rows are encoded only once.
 */
export class Mixtures {
  private readonly tensors: readonly InputTensor[];
  /** The columns of each feature. */
  private readonly places: readonly (readonly Place[])[];
  private readonly background: readonly Values[];
  private readonly width: number;

  constructor(definition: SignatureDefinition, part: GraphPart, background: EncodedRows) {
    this.tensors = inputTensors(definition, part);
    this.places = placesOf(definition, part, this.tensors);
    this.background = this.valuesOf(background);
    this.width = this.tensors.reduce((sum, { width }) => sum + width, 0);
  }

  /** How many rows have at most so many values together, but at least one. */
  rowsWithin(values: number): number {
    return Math.max(1, Math.floor(values / this.width));
  }

  /** The features by which the model can tell a row from a background row: those that are encoded differently. */
  differences(row: EncodedRows, backgroundRow: number): Int32Array {
    const values = this.valuesOf(row);
    const differ = ({ tensor, offset, width }: Place) =>
      !Object.is(values[tensor]![offset], this.background[tensor]![backgroundRow * width + offset]);
    const found: number[] = [];
    this.places.forEach((places, feature) => {
      if (places.some(differ)) found.push(feature);
    });
    return Int32Array.from(found);
  }

  /** Starts a block of mixtures of one row. */
  startBlock(row: EncodedRows, capacity: number): MixtureBlock {
    return new MixtureBlock(this.tensors, this.places, this.valuesOf(row), this.background, capacity);
  }

  private valuesOf({ feeds }: EncodedRows): Values[] {
    return this.tensors.map(({ name }) => feeds[name]!.data as Values);
  }
}

/** Mixtures of one row that are scored together. */
export class MixtureBlock {
  count = 0;
  private readonly values: readonly Values[];

  constructor(
    private readonly tensors: readonly InputTensor[],
    private readonly places: readonly (readonly Place[])[],
    private readonly row: readonly Values[],
    private readonly background: readonly Values[],
    readonly capacity: number,
  ) {
    this.values = tensors.map(({ dtype, width }) => newValues(dtype, capacity * width));
  }

  get isFull(): boolean {
    return this.count === this.capacity;
  }

  /** Adds the background row with the coalition's features taken from the row. */
  add(backgroundRow: number, coalition: Int32Array): void {
    const at = this.count++;
    for (const [tensor, { width }] of this.tensors.entries())
      copyRow(this.background[tensor]!, backgroundRow * width, this.values[tensor]!, at * width, width);
    for (const feature of coalition) {
      for (const { tensor, offset, width } of this.places[feature]!)
        this.values[tensor]![at * width + offset] = this.row[tensor]![offset]!;
    }
  }

  /** Empties the block into tensors. They share its memory, so they must be scored before the next mixture is added. */
  take(): Record<string, Tensor> {
    const rows = this.count;
    this.count = 0;
    return Object.fromEntries(
      this.tensors.map(({ name, dtype, rank, width }, tensor) => {
        const values = this.values[tensor]!;
        const used = rows === this.capacity ? values : values.slice(0, rows * width);
        return [name, new Tensor(dtype, used as never, rank === 1 ? [rows] : [rows, width])];
      }),
    );
  }
}

function placesOf(
  { inputs, core }: SignatureDefinition,
  part: GraphPart,
  tensors: readonly InputTensor[],
): Place[][] {
  if (part === 'core') {
    const { columns } = core!;
    return inputs.map((input) => {
      const own = new Set(tensorsOf(input));
      return [...columns.keys()]
        .filter((offset) => own.has(columns[offset]!.tensor))
        .map((offset) => ({ tensor: 0, offset, width: columns.length }));
    });
  }
  const order = new Map(tensors.map(({ name }, at) => [name, at]));
  return inputs.map((input) =>
    tensorsOf(input).map((name) => {
      const tensor = order.get(name)!;
      return { tensor, offset: input.column ?? 0, width: tensors[tensor]!.width };
    }),
  );
}

function copyRow(from: Values, fromAt: number, to: Values, toAt: number, width: number): void {
  for (let at = 0; at < width; at++) to[toAt + at] = from[fromAt + at]!;
}

function newValues(dtype: InputTensor['dtype'], length: number): Values {
  switch (dtype) {
    case 'float32':
      return new Float32Array(length);
    case 'float64':
      return new Float64Array(length);
    case 'int64':
      return new BigInt64Array(length);
    case 'int32':
      return new Int32Array(length);
    case 'bool':
      return new Uint8Array(length);
    case 'string':
      return new Array<string>(length).fill('');
  }
}
