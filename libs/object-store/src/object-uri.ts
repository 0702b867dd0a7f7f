import { InvalidObjectUri } from './errors.js';

/** Where one object lies: `s3://bucket/key`. */
export interface ObjectAddress {
  readonly bucket: string;
  /** Non-empty segments joined by `/`; never starts or ends with one. */
  readonly key: string;
}

/** Every object whose key starts with `prefix`, which is empty or ends with a slash. */
export interface FolderAddress {
  readonly bucket: string;
  readonly prefix: string;
}

const SCHEME = 's3://';
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
// eslint-disable-next-line no-control-regex
const FORBIDDEN_CHARACTER = /[\u0000-\u001f\u007f\\]/;
/** Names of files that a writer beside the store (the trainer) renames once they are whole: `.model.onnx.1f.partial`. */
const RESERVED = /^\..*\.partial$/s;
const MAX_KEY_BYTES = 1024;
const MAX_SEGMENT_BYTES = 255;

/**
 * Parses the URI of one object.
 * @throws InvalidObjectUri naming the fault; also for a trailing slash, which names a folder.
 */
export function parseObjectUri(text: string): ObjectAddress {
  const { bucket, rest } = splitUri(text);
  if (rest === '') throw new InvalidObjectUri(`${quote(text)} names a bucket, not an object`);
  if (rest.endsWith('/')) throw new InvalidObjectUri(`${quote(text)} ends with a slash: it names a folder`);
  return checkAddress({ bucket, key: rest });
}

/**
 * Parses the URI of a folder, `s3://bucket/` or `s3://bucket/a/b/`.
 * @throws InvalidObjectUri naming the fault; also when the trailing slash is missing.
 */
export function parseFolderUri(text: string): FolderAddress {
  const { bucket, rest } = splitUri(text);
  if (!text.endsWith('/'))
    throw new InvalidObjectUri(`${quote(text)} must end with a slash to name a folder`);
  if (rest !== '') checkKey(rest.slice(0, -1));
  return { bucket, prefix: rest };
}

/** The inverse of `parseObjectUri` and `parseFolderUri`. */
export function formatObjectUri(address: ObjectAddress | FolderAddress): string {
  return `${SCHEME}${address.bucket}/${'key' in address ? address.key : address.prefix}`;
}

/**
 * Refuses an address that no store could keep safely. Stores call it for every address they are handed, so
 * that one built without `parseObjectUri` is no way around the rules.
 */
export function checkAddress(address: ObjectAddress): ObjectAddress {
  checkBucket(address.bucket);
  checkKey(address.key);
  return address;
}

/** @throws InvalidObjectUri unless the text can be the name of a bucket. */
export function checkBucket(bucket: string): void {
  if (!BUCKET.test(bucket)) {
    throw new InvalidObjectUri(
      `${quote(bucket)} is not a bucket name: 3 to 63 of a-z, 0-9, dot and hyphen, with a letter or digit at both ends`,
    );
  }
}

/** @throws InvalidObjectUri unless the text can be the key of an object. */
export function checkKey(key: string): void {
  checkCharacters(key);
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw new InvalidObjectUri(`the key ${quote(key)} is longer than ${MAX_KEY_BYTES} bytes`);
  }
  for (const segment of key.split('/')) checkSegment(segment, key);
}

/** The rules for characters alone, for texts that are only the start of a key. */
export function checkCharacters(text: string): void {
  const found = FORBIDDEN_CHARACTER.exec(text);
  if (found) {
    const character = found[0] === '\\' ? 'a backslash' : 'a control character';
    throw new InvalidObjectUri(`the key ${quote(text)} contains ${character}`);
  }
  // A lone surrogate has no UTF-8 form: two different keys would become the same file.
  if (/\p{Surrogate}/u.test(text)) throw new InvalidObjectUri(`the key ${quote(text)} is not valid Unicode`);
}

function checkSegment(segment: string, key: string): void {
  const fault = (reason: string) => new InvalidObjectUri(`the key ${quote(key)} ${reason}`);
  if (segment === '')
    throw fault('has an empty segment: it starts or ends with a slash, or has two in a row');
  if (segment === '.' || segment === '..') throw fault(`contains the segment "${segment}"`);
  if (RESERVED.test(segment)) throw fault('has the form ".….partial" of an unfinished file');
  if (Buffer.byteLength(segment) > MAX_SEGMENT_BYTES) {
    throw fault(`has a segment longer than ${MAX_SEGMENT_BYTES} bytes`);
  }
}

/** Splits `s3://bucket/rest`; `rest` is checked for nothing yet. */
export function splitUri(text: string): { bucket: string; rest: string } {
  if (typeof text !== 'string' || !text.startsWith(SCHEME)) {
    throw new InvalidObjectUri(`${quote(String(text))} does not start with s3://`);
  }
  const slash = text.indexOf('/', SCHEME.length);
  if (slash < 0) throw new InvalidObjectUri(`${quote(text)} has no slash after the bucket`);
  const bucket = text.slice(SCHEME.length, slash);
  checkBucket(bucket);
  return { bucket, rest: text.slice(slash + 1) };
}

/** JSON quoting shows control characters instead of sending them to a terminal or a log. */
function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
