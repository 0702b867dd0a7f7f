import { InvalidRange } from './errors.js';
import type { ByteRange } from './object-store.js';

/** The bytes of an object of `size` bytes that a range stands for. @throws InvalidRange */
export function resolveRange(range: ByteRange, size: number): Required<ByteRange> {
  const { start, end = Infinity } = range;
  if (!isWellFormed(range) || start >= size) {
    throw new InvalidRange(
      `bytes ${start}-${end === Infinity ? '' : end} are not within ${size} bytes`,
      size,
    );
  }
  return { start, end: Math.min(end, size - 1) };
}

function isWellFormed({ start, end = Infinity }: ByteRange): boolean {
  return Number.isSafeInteger(start) && start >= 0 && end >= start;
}
