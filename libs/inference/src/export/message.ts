import { BYTES, FIXED32, FIXED64, VARINT, type WireField } from '../gate/wire-reader.js';

const MORE = 0x80;
/** Whoever hashes or writes a piece blocks others for no more than a millisecond. */
const CHUNK_BYTES = 2 ** 20;

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

  /** Its bytes, in pieces of one size but for the last. */
  *chunks(): Generator<Uint8Array> {
    let chunk = new Uint8Array(CHUNK_BYTES);
    let filled = 0;
    for (const part of this.flat()) {
      for (let from = 0; from < part.length;) {
        const piece = part.subarray(from, from + CHUNK_BYTES - filled);
        chunk.set(piece, filled);
        filled += piece.length;
        from += piece.length;
        if (filled < CHUNK_BYTES) continue;
        yield chunk;
        chunk = new Uint8Array(CHUNK_BYTES);
        filled = 0;
      }
    }
    if (filled > 0) yield chunk.subarray(0, filled);
  }

  private *flat(): Generator<Uint8Array> {
    for (const part of this.parts) {
      if (part instanceof Message) yield* part.flat();
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
