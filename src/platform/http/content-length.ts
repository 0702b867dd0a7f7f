import type { FastifyRequest } from 'fastify';

/** Bytes of a request's body; undefined where they come in chunks, or are compressed. Node reads no more than it says. */
export function lengthOf({ headers }: FastifyRequest): number | undefined {
  if (headers['transfer-encoding'] !== undefined || headers['content-encoding'] !== undefined)
    return undefined;
  return Number(headers['content-length'] ?? 0);
}
