import { type ColumnFiller, numberReader, textReader } from './columns.js';
import { valueReader } from './feature-value.js';
import {
  type CoreColumn,
  type SignatureDefinition,
  type SignatureInput,
  tensorsOf,
} from './signature-definition.js';
import { partOf, toMilliseconds } from './timestamp.js';

/*
 * What the whole graph does to single columns before its model, as ONNX Runtime does it: in float32. A sum, a
 * difference or a product of two float32 is the same whether it is rounded from the exact value or from the float64
 * one, so that Math.fround after each step gives the runtime's bits.
 */

/** Where a column stands, and how many stand in a row. */
interface Slot extends CoreColumn {
  readonly at: number;
  readonly width: number;
}

/** One filler a feature, which writes all columns that are made of it into the one tensor. */
export function compileCoreColumns({ inputs, core }: SignatureDefinition): ColumnFiller[] {
  const { columns } = core!;
  const slots = columns.map((column, at): Slot => ({ ...column, at, width: columns.length }));
  return inputs.map((input) => {
    const own = slots.filter(({ tensor }) => tensorsOf(input).includes(tensor));
    if (input.type === 'string') return textFiller(input, own);
    return input.type === 'timestamp' ? timestampFiller(input, own) : numberFiller(input, own);
  });
}

/** A number, or NaN for a missing one, as the column has it. */
function encoded(value: number, { missing = NaN, offset, scale }: Slot): number {
  const known = Number.isNaN(value) ? missing : value;
  return offset === undefined ? known : Math.fround(known - offset) * scale!;
}

function numberFiller(input: SignatureInput, slots: readonly Slot[]): ColumnFiller {
  const read = numberReader(input);
  return (rows, [tensor], _unseen, from, to) => {
    const data = tensor as Float32Array;
    for (let row = from; row < to; row++) {
      const value = read(rows[row]!);
      if (value === undefined) return false;
      const single = value === null ? NaN : Math.fround(value);
      if (value !== null && !Number.isFinite(single)) return false;
      for (const slot of slots) data[row * slot.width + slot.at] = encoded(single, slot);
    }
    return true;
  };
}

function timestampFiller(input: SignatureInput, slots: readonly Slot[]): ColumnFiller {
  const read = valueReader(input);
  const parts = input.parts!.flatMap(({ part, tensor }) =>
    slots.filter((slot) => slot.tensor === tensor).map((slot) => ({ part, slot })),
  );
  return (rows, [tensor], _unseen, from, to) => {
    const data = tensor as Float32Array;
    for (let row = from; row < to; row++) {
      const value = read(rows[row]!);
      const milliseconds = value === null && input.nullable ? NaN : toMilliseconds(value);
      if (milliseconds === null) return false;
      for (const { part, slot } of parts) {
        data[row * slot.width + slot.at] = encoded(Math.fround(partOf(milliseconds, part)), slot);
      }
    }
    return true;
  };
}

/** The array is zeros before: a text that no column knows is all zeros one by one, and -1 by its place. */
function textFiller(input: SignatureInput, slots: readonly Slot[]): ColumnFiller {
  const { name, nullable, categories } = input;
  const read = textReader(input);
  const known = categories && new Set(categories);
  const writes = new Map<string, { at: number; value: number }[]>();
  const ordinals = slots.filter(({ ordinal }) => ordinal);
  const width = slots[0]!.width;
  const write = (text: string, at: number, value: number) =>
    writes.set(text, [...(writes.get(text) ?? []), { at, value }]);
  for (const { at, ordinal, equals } of slots) {
    ordinal?.forEach((text, place) => write(text, at, place));
    if (equals !== undefined) write(equals, at, 1);
  }
  return (rows, [tensor], unseen, from, to) => {
    const data = tensor as Float32Array;
    for (let row = from; row < to; row++) {
      const text = read(rows[row]!);
      if (text === undefined) return false;
      const found = writes.get(text);
      if (found) {
        for (const { at, value } of found) data[row * width + at] = value;
        continue;
      }
      for (const { at } of ordinals) data[row * width + at] = -1;
      // The empty text is how a missing value looks to the model, so it is nothing new to it.
      if (known && !known.has(text) && !(nullable && text === '')) unseen.add(name, text, row);
    }
    return true;
  };
}
