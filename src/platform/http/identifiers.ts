import { randomUUID } from 'node:crypto';
import { v7 } from 'uuid';

/** A UUID of version 7 (RFC 9562): ids in order of their making. */
export function newId(): string {
  return v7();
}

/**
 * `req-` and a UUID of version 7: the time of a request is in its id. Node's random UUIDs come out of a large cache, so
 * that one with other leading digits takes a tenth of what `v7` does; of one millisecond they have no order.
 */
export function newRequestId(): string {
  const now = Date.now();
  if (now !== lastMs) {
    lastMs = now;
    const time = now.toString(16).padStart(12, '0');
    lastPrefix = `req-${time.slice(0, 8)}-${time.slice(8)}-7`;
  }
  return lastPrefix + randomUUID().slice(15);
}

/** Many requests come in the same millisecond. */
let lastMs = 0;
let lastPrefix = '';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A malformed id is answered like one that does not exist, and never reaches a query. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}
