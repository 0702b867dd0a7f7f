import { createHash } from 'node:crypto';
import { Problem } from '../errors/problem.js';

/** A strong entity tag (RFC 9110, section 8.8.3): two bodies have the same one exactly if they are the same. */
export function etagOf(body: object | string): string {
  return `"${createHash('sha256').update(JSON.stringify(body)).digest('base64url').slice(0, 22)}"`;
}

/** Whether a list of entity tags, or `*` for any, has this one; `weakly` as If-None-Match compares. */
export function hasTag(list: string, etag: string, weakly = false): boolean {
  const tags = list.split(',').map((tag) => tag.trim());
  return tags.includes('*') || tags.includes(etag) || (weakly && tags.includes(`W/${etag}`));
}

/**
 * Called under the lock of the row that is about to change.
 * @param ifMatch the caller's If-Match, if any
 * @throws Problem 412 where the thing is not in the state that the caller saw
 */
export function refuseChanged(ifMatch: string | undefined, current: object): void {
  if (ifMatch === undefined || hasTag(ifMatch, etagOf(current))) return;
  throw new Problem('PRECONDITION_FAILED', 'It has changed since If-Match was read: read it again.', {
    headers: { ETag: etagOf(current) },
  });
}
