import { createHash } from 'node:crypto';
import type { DataFile } from '../../../platform/storage/data-files.js';

/**
 * SHA-256 in hex of all that decides what a join makes: `join` as the trainer is told it, with the ETags of the files in
 * place of their URIs, as JSON whose names are sorted. Equal definitions over equal bytes have one, wherever they lie.
 */
export function definitionHash(spec: object, files: readonly DataFile[]): string {
  const etags = new Map(files.map(({ uri, etag }) => [uri, etag]));
  const canonical = JSON.stringify(spec, (name, value: unknown) => {
    if (name === 'uris') return (value as string[]).map((uri) => etags.get(uri));
    return isObject(value)
      ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
      : value;
  });
  return createHash('sha256').update(canonical).digest('hex');
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
