import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Problem } from '../errors/problem.js';

/**
 * The body as it was before its Content-Encoding (RFC 9110, section 8.4). Fastify bounds it by what comes out, so that
 * a small body that becomes a huge one is 413; one that is damaged or cut off is 400.
 * @returns undefined where the body is not encoded
 * @throws Problem 415 for an encoding other than gzip
 */
export function decoded(request: IncomingMessage, answer: ServerResponse): Readable | undefined {
  const encoding = request.headers['content-encoding']!.trim().toLowerCase();
  if (encoding === 'identity' || encoding === '') return undefined;
  if (encoding === 'gzip' || encoding === 'x-gzip') return gunzipped(request, answer);
  throw new Problem(
    'UNSUPPORTED_MEDIA_TYPE',
    `A body with Content-Encoding ${encoding.slice(0, 80)} is not read; send it with gzip, or as it is.`,
    { headers: { 'Accept-Encoding': 'gzip' } },
  );
}

function gunzipped(request: IncomingMessage, answer: ServerResponse): Readable {
  const plain = createGunzip();
  // Fastify compares it with Content-Length.
  Object.defineProperty(plain, 'receivedEncodedLength', { get: () => plain.bytesWritten });
  plain.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code?.startsWith('Z_')) error.message = `The body is no whole gzip: ${error.message}.`;
  });
  request.once('error', (error) => plain.destroy(error));
  // What is refused before its end is not decompressed any further.
  answer.once('close', () => {
    request.unpipe(plain);
    plain.destroy();
  });
  return request.pipe(plain);
}
