import { GraphRefused } from '../errors.js';

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;
export type WireType = typeof VARINT | typeof FIXED64 | typeof BYTES | typeof FIXED32;

/** One field as it lies in the file: nothing of it is copied. */
export interface WireField {
  readonly number: number;
  readonly type: WireType;
  /** Where the payload of a length-delimited or fixed field lies. */
  readonly start: number;
  readonly end: number;
  /** The value of a varint, as a signed 64-bit number. */
  readonly value: bigint;
}

const MAX_FIELD = 2 ** 29 - 1;

/**
 * Reads the fields of one protobuf message between two offsets of a file
 * (protobuf.dev/programming-guides/encoding). It copies nothing and recurses never, so that a hostile file costs
 * no more than its own length.
 * @throws GraphRefused where the bytes are no such message
 */
export function* fieldsOf(bytes: Uint8Array, start = 0, end = bytes.length): Generator<WireField> {
  const reader = new WireReader(bytes, start, end);
  while (!reader.isAtEnd) yield reader.field();
}

export function textOf(bytes: Uint8Array, { start, end }: WireField): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}

/** How many varints are packed between two offsets. */
export function countVarints(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at++) if (bytes[at]! < 0x80) count++;
  return count;
}

/** The varints that are packed between two offsets. */
export function varintsOf(bytes: Uint8Array, start: number, end: number): bigint[] {
  const reader = new WireReader(bytes, start, end);
  const values: bigint[] = [];
  while (!reader.isAtEnd) values.push(reader.varint());
  return values;
}

/**
 * The integers of the repeated field `wanted` (below 16) of a message, whether they are packed or one a field; null where
 * one does not fit in 32 bits.
 */
export function integersOf(bytes: Uint8Array, wanted: number, start: number, end: number): Int32Array | null {
  let values = new Int32Array(256);
  let count = 0;
  const add = (value: number): boolean => {
    if (count === values.length) {
      const longer = new Int32Array(2 * count);
      longer.set(values);
      values = longer;
    }
    values[count] = value;
    return values[count++] === value;
  };
  const reader = new WireReader(bytes, start, end);
  while (!reader.isAtEnd) {
    // Trees have millions of these, so that no field is made of each.
    if (reader.takes((wanted << 3) | VARINT)) {
      if (!add(reader.integer())) return null;
      continue;
    }
    const field = reader.field();
    if (field.number !== wanted || field.type !== BYTES) continue;
    const packed = new WireReader(bytes, field.start, field.end);
    while (!packed.isAtEnd) if (!add(packed.integer())) return null;
  }
  return values.subarray(0, count);
}

/** How many numbers of 32 bits the repeated field `wanted` (below 16) of a message has, packed or one a field. */
export function countFixed32(bytes: Uint8Array, wanted: number, start: number, end: number): number {
  const reader = new WireReader(bytes, start, end);
  let count = 0;
  while (!reader.isAtEnd) {
    if (reader.takes((wanted << 3) | FIXED32)) {
      reader.skip(4);
      count++;
      continue;
    }
    const field = reader.field();
    if (field.number === wanted && field.type === BYTES) count += (field.end - field.start) / 4;
  }
  return count;
}

class WireReader {
  constructor(
    private readonly bytes: Uint8Array,
    private at: number,
    private readonly end: number,
  ) {}

  get isAtEnd(): boolean {
    return this.at >= this.end;
  }

  field(): WireField {
    const key = this.varint();
    const type = Number(key & 7n);
    const number = Number(key >> 3n);
    if (number < 1 || number > MAX_FIELD) throw damaged();
    if (type === VARINT) {
      const value = this.varint();
      return { number, type, start: this.at, end: this.at, value };
    }
    if (type !== BYTES && type !== FIXED64 && type !== FIXED32) throw damaged();
    const length = type === BYTES ? Number(BigInt.asUintN(64, this.varint())) : type === FIXED64 ? 8 : 4;
    if (length > this.end - this.at) throw damaged();
    const start = this.at;
    this.at += length;
    return { number, type, start, end: this.at, value: 0n };
  }

  /** Goes past this byte where it is the next one. */
  takes(byte: number): boolean {
    if (this.bytes[this.at] !== byte) return false;
    this.at++;
    return true;
  }

  skip(length: number): void {
    if (length > this.end - this.at) throw damaged();
    this.at += length;
  }

  varint(): bigint {
    return BigInt(this.short() ?? this.long());
  }

  /** A varint as the number nearest to it. */
  integer(): number {
    return this.short() ?? Number(this.long());
  }

  /** Nearly every varint of a model fits in four bytes, where plain numbers are far faster; else it is not read. */
  private short(): number | undefined {
    const from = this.at;
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    this.at = from;
    return undefined;
  }

  private long(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw damaged();
  }

  private byte(): number {
    if (this.at >= this.end) throw damaged();
    return this.bytes[this.at++]!;
  }
}

function damaged(): GraphRefused {
  return new GraphRefused('the file is cut short, damaged, or no ONNX file at all');
}
