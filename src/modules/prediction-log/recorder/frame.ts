import { crc32 } from 'node:zlib';

/** `MPL1`, big-endian: the first four bytes of every frame. */
const MAGIC = 0x4d504c31;
/** Magic, rows, bytes of the payload and their CRC-32, each an unsigned 32-bit integer in big-endian order. */
export const HEADER_BYTES = 16;

export interface Frame {
  /** Log rows in the payload. */
  readonly rows: number;
  /** The rows as JSON objects with commas between them. */
  readonly payload: Buffer;
}

export function encodeFrame(rows: number, text: string): Buffer {
  const length = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  frame.write(text, HEADER_BYTES, 'utf8');
  frame.writeUInt32BE(MAGIC, 0);
  frame.writeUInt32BE(rows, 4);
  frame.writeUInt32BE(length, 8);
  frame.writeUInt32BE(crc32(frame.subarray(HEADER_BYTES)), 12);
  return frame;
}

/** Bytes of the whole frame whose header begins at `at`; undefined where no header does. */
export function frameLength(bytes: Buffer, at: number): number | undefined {
  if (bytes.length - at < HEADER_BYTES || bytes.readUInt32BE(at) !== MAGIC) return undefined;
  return HEADER_BYTES + bytes.readUInt32BE(at + 8);
}

/** Rows that the header at `at` announces. */
export function frameRows(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at + 4);
}

/** The frame at `at`; undefined where it is torn or damaged. */
export function decodeFrame(bytes: Buffer, at: number): Frame | undefined {
  const length = frameLength(bytes, at);
  if (length === undefined || at + length > bytes.length) return undefined;
  const payload = bytes.subarray(at + HEADER_BYTES, at + length);
  if (crc32(payload) !== bytes.readUInt32BE(at + 12)) return undefined;
  return { rows: frameRows(bytes, at), payload };
}
