/** `req-` before the UUID. */
const PREFIX_LENGTH = 4;

/** The UUID of a request id: `req-` and a UUID of version 7. */
export function requestUuid(requestId: string): string {
  return requestId.slice(PREFIX_LENGTH);
}

/** Milliseconds since 1970 in the first 48 bits of a UUIDv7 (RFC 9562, section 5.7). */
export function timeOf(uuid: string): number {
  return parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16);
}

/** The least UUID whose time is `ms`. */
export function floorOf(ms: number): string {
  const hex = Math.max(0, Math.floor(ms)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}
