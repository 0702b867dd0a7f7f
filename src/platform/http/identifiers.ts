import { v7 } from 'uuid';

/** A UUID of version 7 (RFC 9562): ids in order of their making. */
export function newId(): string {
  return v7();
}

export function newRequestId(): string {
  return `req-${v7()}`;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A malformed id is answered like one that does not exist, and never reaches a query. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}
