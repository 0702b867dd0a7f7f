import type { FastifyReply } from 'fastify';
import { Readable } from 'node:stream';
import type { ObjectContent } from '#libs/object-store';

/** Answers with an object or a range of it. */
export function sendObject(
  reply: FastifyReply,
  { range, size, etag, lastModified, stream }: ObjectContent,
  headers: Record<string, string> = {},
): void {
  // Fastify would read the whole stream to answer HEAD without it.
  const body = reply.request.method === 'HEAD' ? Readable.from([]) : stream;
  if (body !== stream) stream.destroy();
  void reply
    .status(range ? 206 : 200)
    .headers({
      'accept-ranges': 'bytes',
      'content-length': range ? range.end - range.start + 1 : size,
      'content-type': 'application/octet-stream',
      etag: `"${etag}"`,
      'last-modified': lastModified.toUTCString(),
      ...(range && { 'content-range': `bytes ${range.start}-${range.end}/${size}` }),
      ...headers,
    })
    .send(body);
}
