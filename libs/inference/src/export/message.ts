import { BYTES, FIXED32, FIXED64, VARINT, type WireField } from '../gate/wire-reader.js';

const MORE = 0x80;

/**
 * A protobuf message that is being written (protobuf.dev/programming-guides/encoding). What is put into it is referred to
 * and not copied, so that a graph of large trees costs no second copy of them.
 */
export class Message {
  private readonly parts: (Uint8Array | Message)[] = [];
  private size = 0;

  /** Length in bytes. */
  get length(): number {
    return this.size;
  }

  /** @param value 0 or more, or any signed 64-bit number as a bigint */
  integer(field: number, value: number | bigint): this {
    return this.add(varint((field << 3) | VARINT)).add(varint(value));
  }

  text(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value, 'utf8'));
  }

  bytes(field: number, content: Uint8Array | Message): this {
    return this.add(varint((field << 3) | BYTES))
      .add(varint(content.length))
      .add(content);
  }

  /** A field of another file, as it lies there. */
  field(bytes: Uint8Array, { number, type, start, end, value }: WireField): this {
    if (type === VARINT) return this.integer(number, value);
    const content = bytes.subarray(start, end);
    if (type === BYTES) return this.bytes(number, content);
    return this.add(varint((number << 3) | (type === FIXED32 ? FIXED32 : FIXED64))).add(content);
  }

  /** Its bytes, part by part. */
  *chunks(): Generator<Uint8Array> {
    for (const part of this.parts) {
      if (part instanceof Message) yield* part.chunks();
      else yield part;
    }
  }

  private add(part: Uint8Array | Message): this {
    this.parts.push(part);
    this.size += part.length;
    return this;
  }
}

function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= MORE; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | MORE);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
