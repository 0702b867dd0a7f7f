import { createHash, type Hash } from 'node:crypto';
import { addAbortSignal, PassThrough, Readable } from 'node:stream';
import { DigestMismatch, ObjectStoreUnavailable, ObjectTooLarge } from './errors.js';
import type { PutOptions } from './object-store.js';

/** Cuts a body into parts of `partBytes`, the last one smaller, and hashes it on the way. */
export class BodyParts {
  size = 0;
  private readonly hash: Hash = createHash('sha256');
  private digest: string | null = null;

  constructor(
    private readonly body: Readable | Uint8Array,
    private readonly partBytes: number,
    private readonly options: PutOptions,
  ) {}

  /** The lower-case hex digest of the body; there is none before all parts were read. */
  get sha256(): string {
    this.digest ??= this.hash.digest('hex');
    return this.digest;
  }

  /**
   * Yields at least one part, which is empty where the body is.
   * @throws ObjectTooLarge; DigestMismatch instead of yielding the last part
   */
  async *read(): AsyncGenerator<Buffer> {
    const { maxBytes = Infinity, signal } = this.options;
    signal?.throwIfAborted();
    if (signal && this.body instanceof Readable) addAbortSignal(signal, this.body);
    // A refusal must not destroy the body: the caller may have to answer on the connection that it comes from.
    const chunks =
      this.body instanceof Readable ? this.body.iterator({ destroyOnReturn: false }) : [this.body];
    let pending: Buffer[] = [];
    let pendingBytes = 0;
    for await (const chunk of chunks) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk as Uint8Array);
      this.size += bytes.byteLength;
      if (this.size > maxBytes) throw new ObjectTooLarge(`the object is larger than ${maxBytes} bytes`);
      this.hash.update(bytes);
      pending.push(bytes);
      pendingBytes += bytes.byteLength;
      // A whole part waits for one more byte, so that the last part is never yielded before the digest is known.
      if (pendingBytes <= this.partBytes) continue;
      const whole = Buffer.concat(pending);
      let from = 0;
      for (; whole.length - from > this.partBytes; from += this.partBytes) {
        yield whole.subarray(from, from + this.partBytes);
      }
      pending = [whole.subarray(from)];
      pendingBytes = whole.length - from;
    }
    signal?.throwIfAborted();
    const { sha256: expected } = this.options;
    if (expected !== undefined && expected !== this.sha256) {
      throw new DigestMismatch(`the content has the SHA-256 ${this.sha256}, not ${expected}`);
    }
    yield Buffer.concat(pending);
  }
}

/**
 * A body of a response that ends in an error of the store's when the connection breaks, or when nothing comes
 * for `timeoutMs` although somebody wants to read.
 */
export function watchBody(body: Readable, timeoutMs: number, mapError: (error: unknown) => Error): Readable {
  const watched = new PassThrough({ highWaterMark: 256 * 1024 });
  // The body may break before anybody reads it. Whoever reads later is told then, but an `error` event that nobody
  // listens to would end the process.
  watched.on('error', () => undefined);
  let timer: NodeJS.Timeout | undefined;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      watched.destroy(new ObjectStoreUnavailable('the object store stopped sending; try again'));
    }, timeoutMs);
  };
  wait();
  body.on('data', wait);
  body.on('resume', wait);
  body.on('pause', () => clearTimeout(timer));
  body.on('end', () => clearTimeout(timer));
  body.on('error', (error) => watched.destroy(mapError(error)));
  watched.on('close', () => {
    clearTimeout(timer);
    body.destroy();
  });
  return body.pipe(watched);
}
