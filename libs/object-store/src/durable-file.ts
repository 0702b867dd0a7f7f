import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { addAbortSignal, Readable } from 'node:stream';
import { DigestMismatch, ObjectTooLarge } from './errors.js';
import { etagOf } from './folder-files.js';
import type { PutOptions, StoredObject } from './object-store.js';

/** Streams a body into a new file and fsyncs it, so that what is published afterwards survives a power cut. */
export async function writeDurably(
  path: string,
  body: Readable | Uint8Array,
  { maxBytes = Infinity, sha256: expected, signal }: PutOptions,
): Promise<StoredObject> {
  signal?.throwIfAborted();
  if (signal && body instanceof Readable) addAbortSignal(signal, body);
  // A refusal must not destroy the body: the caller may have to answer on the connection that it comes from.
  const chunks = body instanceof Readable ? body.iterator({ destroyOnReturn: false }) : [body];
  const hash = createHash('sha256');
  let size = 0;
  const handle = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of chunks) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Uint8Array);
      size += bytes.byteLength;
      if (size > maxBytes) throw new ObjectTooLarge(`the object is larger than ${maxBytes} bytes`);
      hash.update(bytes);
      await handle.writeFile(bytes);
    }
    signal?.throwIfAborted();
    const sha256 = hash.digest('hex');
    if (expected !== undefined && expected !== sha256) {
      throw new DigestMismatch(`the content has the SHA-256 ${sha256}, not ${expected}`);
    }
    await handle.sync();
    return { size, sha256, etag: etagOf(await handle.stat({ bigint: true })) };
  } finally {
    await handle.close();
  }
}
