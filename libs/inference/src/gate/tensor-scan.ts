import { GraphRefused } from '../errors.js';
import {
  BYTES,
  countVarints,
  FIXED32,
  FIXED64,
  fieldsOf,
  textOf,
  VARINT,
  varintsOf,
  type WireField,
} from './wire-reader.js';

/** TensorProto.DataType to bytes of an element in `raw_data`; 0.5 where two share a byte. */
const ELEMENT_BYTES: Readonly<Record<number, number>> = {
  1: 4, // float
  2: 1, // uint8
  3: 1, // int8
  4: 2, // uint16
  5: 2, // int16
  6: 4, // int32
  7: 8, // int64
  9: 1, // bool
  10: 2, // float16
  11: 8, // double
  12: 4, // uint32
  13: 8, // uint64
  16: 2, // bfloat16
  17: 1, // float8e4m3fn
  18: 1, // float8e4m3fnuz
  19: 1, // float8e5m2
  20: 1, // float8e5m2fnuz
  21: 0.5, // uint4
  22: 0.5, // int4
};
const TEXT = 8;
const MAX_DIMENSIONS = 16;
const MAX_NAME_BYTES = 4096;
/** float_data, int32_data, int64_data, double_data, uint64_data: bytes of an element, or 0 for varints. */
const NUMBERS: Readonly<Record<number, number>> = { 4: 4, 5: 0, 7: 0, 10: 8, 11: 0 };

/** A tensor in the file whose data is as long as its dimensions say. */
export interface ScannedTensor {
  readonly name: string;
  /** TensorProto.DataType */
  readonly dataType: number;
  /** How many elements it has. */
  readonly size: number;
  /** The TensorProto. */
  readonly field: WireField;
}

/**
 * Checks a TensorProto: its data lies in the file, and is as long as its dimensions say.
 * @throws GraphRefused
 */
export function checkTensor(bytes: Uint8Array, tensor: WireField): ScannedTensor {
  let name = '';
  let dataType = 0;
  let rawBytes = -1;
  let numbers = 0;
  let texts = 0;
  const dims: number[] = [];
  for (const field of fieldsOf(bytes, tensor.start, tensor.end)) {
    const { number, type, start, end } = field;
    switch (number) {
      case 1:
        dims.push(...(type === BYTES ? varintsOf(bytes, start, end) : [variant(field)]).map(Number));
        if (dims.length > MAX_DIMENSIONS) throw refused(name, `has more than ${MAX_DIMENSIONS} dimensions`);
        break;
      case 2:
        dataType = Number(variant(field));
        break;
      case 3:
        throw refused(name, 'is stored in segments, which are not taken');
      case 6:
        texts++;
        break;
      case 8:
        if (type !== BYTES || end - start > MAX_NAME_BYTES) throw refused(name, 'has no readable name');
        name = textOf(bytes, field);
        break;
      case 9:
        if (type !== BYTES || rawBytes >= 0) throw refused(name, 'has its data twice');
        rawBytes = end - start;
        break;
      case 13:
        throw external(name);
      case 14:
        if (variant(field) !== 0n) throw external(name);
        break;
      default:
        numbers += countNumbers(bytes, field, name);
    }
  }
  const size = checkSize(name, dims, { dataType, rawBytes, numbers, texts });
  return { name, dataType, size, field: tensor };
}

/** The elements of a tensor of uint8, float or double, one after the other. @throws GraphRefused for other types */
export function* numbersOf(
  bytes: Uint8Array,
  { name, dataType, field: { start, end } }: ScannedTensor,
): Generator<number> {
  const width = ELEMENT_BYTES[dataType]!;
  if (![1, 2, 11].includes(dataType)) throw refused(name, `has the element type ${dataType}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const field of fieldsOf(bytes, start, end)) {
    const { number, type } = field;
    // float_data and double_data lie in the file as raw_data does; bytes lie in int32_data as varints.
    const isRaw = number === 9 || (number === 4 && dataType === 1) || (number === 10 && dataType === 11);
    if (number === 5 && dataType === 2) {
      const values = type === BYTES ? varintsOf(bytes, field.start, field.end) : [field.value];
      for (const value of values) yield Number(value);
    }
    if (!isRaw) continue;
    for (let at = field.start; at + width <= field.end; at += width) {
      yield width === 1
        ? view.getUint8(at)
        : width === 4
          ? view.getFloat32(at, true)
          : view.getFloat64(at, true);
    }
  }
}

function countNumbers(bytes: Uint8Array, { number, type, start, end }: WireField, name: string): number {
  const width = NUMBERS[number];
  if (width === undefined) return 0;
  if (type === BYTES) return width > 0 ? Math.floor((end - start) / width) : countVarints(bytes, start, end);
  if (type === (width === 4 ? FIXED32 : width === 8 ? FIXED64 : VARINT)) return 1;
  throw refused(name, 'holds data of the wrong kind');
}

function checkSize(
  name: string,
  dims: readonly number[],
  data: { dataType: number; rawBytes: number; numbers: number; texts: number },
): number {
  const { dataType, rawBytes, numbers, texts } = data;
  if (dims.some((size) => !Number.isSafeInteger(size) || size < 0)) {
    throw refused(name, 'has a dimension that is no size');
  }
  const elements = dims.reduce((product, size) => product * size, 1);
  const width = ELEMENT_BYTES[dataType];
  if (dataType !== TEXT && width === undefined)
    throw refused(name, `has the element type ${dataType}, which is not taken`);
  const held =
    dataType === TEXT
      ? texts
      : rawBytes >= 0
        ? rawBytes / width!
        : // Two small numbers may share one of the field; an empty tensor has none.
          width === 0.5
          ? numbers * 2
          : numbers;
  // A half-byte tensor of odd length has a half to spare.
  const spare = width === 0.5 ? 1 : 0;
  if (elements > held || elements < held - spare) {
    throw refused(name, `has dimensions for ${elements} elements and data for ${held}`);
  }
  return elements;
}

function variant(field: WireField): bigint {
  if (field.type !== VARINT) throw new GraphRefused('the file is damaged or no ONNX file at all');
  return field.value;
}

function external(name: string): GraphRefused {
  return refused(name, 'keeps its data outside of the file; save the model as one file');
}

function refused(name: string, fault: string): GraphRefused {
  return new GraphRefused(`the tensor ${JSON.stringify(name.slice(0, 80))} ${fault}`);
}
