import { GraphRefused } from '../errors.js';
import { WITHOUT_ZIPMAP } from './operators.js';
import { BYTES, fieldsOf, textOf, VARINT, type WireField } from './wire-reader.js';

/** TensorProto.DataType of the tensors that features and answers may be. */
const TYPES = { 1: 'float32', 6: 'int32', 7: 'int64', 8: 'string', 9: 'bool', 11: 'float64' } as const;
export type TensorType = (typeof TYPES)[keyof typeof TYPES];

/** One input or output of a graph. */
export interface GraphValue {
  readonly name: string;
  readonly type: TensorType;
  /** null for a size that is known only at run time; null altogether where the file does not say. */
  readonly shape: readonly (number | null)[] | null;
  /** Of an output: the classes of the classifier that makes it, in the order of its probabilities. */
  readonly classes?: readonly (string | number)[];
  /** Of an input that does not say its width: how many columns trees read of it, at least. */
  readonly columnsRead?: number;
}

const MAX_NAME_BYTES = 4096;
const MAX_DIMENSIONS = 16;

/** Reads a ValueInfoProto. @throws GraphRefused for one that is no tensor of a type that can be fed or read */
export function readValueInfo(bytes: Uint8Array, info: WireField, role: 'input' | 'output'): GraphValue {
  let name = '';
  let typeField: WireField | undefined;
  for (const field of fieldsOf(bytes, info.start, info.end)) {
    if (field.number === 1) {
      if (field.type !== BYTES || field.end - field.start > MAX_NAME_BYTES) throw unreadable(role);
      name = textOf(bytes, field);
    }
    if (field.number === 2) typeField = only(field, typeField, role);
  }
  if (name === '') throw new GraphRefused(`an ${role} of the graph has no name`);
  const shown = `the ${role} ${JSON.stringify(name.slice(0, 80))}`;
  if (!typeField) throw new GraphRefused(`${shown} has no type`);
  let tensor: WireField | undefined;
  for (const field of fieldsOf(bytes, typeField.start, typeField.end)) {
    if (field.number === 1) tensor = only(field, tensor, role);
    else if (field.number !== 6) {
      const hint = role === 'output' ? `; of a classifier, ${WITHOUT_ZIPMAP}` : '';
      throw new GraphRefused(`${shown} is no tensor but a sequence, map or the like${hint}`);
    }
  }
  if (!tensor) throw new GraphRefused(`${shown} has no type`);
  let elementType = 0;
  let shape: WireField | undefined;
  for (const field of fieldsOf(bytes, tensor.start, tensor.end)) {
    if (field.number === 1) {
      if (field.type !== VARINT) throw unreadable(role);
      elementType = Number(field.value);
    }
    if (field.number === 2) shape = only(field, shape, role);
  }
  const type = (TYPES as Record<number, TensorType | undefined>)[elementType];
  if (!type) {
    throw new GraphRefused(
      `${shown} has the element type ${elementType}; ${Object.values(TYPES).join(', ')} are taken`,
    );
  }
  return { name, type, shape: shape ? readShape(bytes, shape, role) : null };
}

function readShape(bytes: Uint8Array, shape: WireField, role: string): (number | null)[] {
  const dims: (number | null)[] = [];
  for (const field of fieldsOf(bytes, shape.start, shape.end)) {
    if (field.number !== 1) continue;
    if (field.type !== BYTES || dims.length === MAX_DIMENSIONS) throw unreadable(role);
    let size: number | null = null;
    for (const { number, type, value } of fieldsOf(bytes, field.start, field.end)) {
      if (number === 1 && type === VARINT && value > 0n && value < 2n ** 31n) size = Number(value);
    }
    dims.push(size);
  }
  return dims;
}

function only(field: WireField, before: WireField | undefined, role: string): WireField {
  if (before || field.type !== BYTES) throw unreadable(role);
  return field;
}

function unreadable(role: string): GraphRefused {
  return new GraphRefused(`an ${role} of the graph is not described as ONNX says`);
}
