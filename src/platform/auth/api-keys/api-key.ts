import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** What a key begins with: people and scanners of leaked secrets know it by that. */
export type KeyPrefix = 'mp_' | `mp_${string}_`;

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SECRET_BYTES = 24;
/** Characters that hold 16, 24 and 4 bytes in base 62. */
const ID_LENGTH = 22;
const SECRET_LENGTH = 33;
const CHECKSUM_LENGTH = 6;

const KEY = new RegExp(
  `^(mp_(?:[a-z]{1,16}_)?)([0-9A-Za-z]{${ID_LENGTH}})[0-9A-Za-z]{${SECRET_LENGTH}}([0-9A-Za-z]{${CHECKSUM_LENGTH}})$`,
);

/**
 * The text of a new key: prefix, id, 192 random bits, and a checksum by which a mistyped key is known without asking
 * anybody. All of it but the prefix is letters and digits, so that a double click takes it whole.
 * @param id UUID of the key
 */
export function newApiKey(id: string, prefix: KeyPrefix): string {
  const text = visiblePart(id, prefix) + base62(randomBytes(SECRET_BYTES), SECRET_LENGTH);
  return text + checksumOf(text);
}

/** What a key begins with, up to its secret. */
export function visiblePart(id: string, prefix: string): string {
  return prefix + base62(Buffer.from(id.replaceAll('-', ''), 'hex'), ID_LENGTH);
}

/** @returns the UUID of the key, or undefined where the text is no key */
export function idOfApiKey(text: string): string | undefined {
  const [, , id, checksum] = KEY.exec(text) ?? [];
  if (id === undefined || checksumOf(text.slice(0, -CHECKSUM_LENGTH)) !== checksum) return undefined;
  return uuidOf(id);
}

/**
 * What is kept of a key. A fast digest is right for a secret of 192 random bits: nobody can try them all, however fast,
 * while one made slow for the sake of passwords would be work that every caller with a made-up key could ask for.
 */
export function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function checksumOf(text: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(text));
  return base62(bytes, CHECKSUM_LENGTH);
}

function base62(bytes: Buffer, length: number): string {
  let rest = BigInt(`0x${bytes.toString('hex')}`);
  let text = '';
  for (; text.length < length; rest /= 62n) text = DIGITS[Number(rest % 62n)] + text;
  return text;
}

function uuidOf(base62Text: string): string | undefined {
  let number = 0n;
  for (const digit of base62Text) number = number * 62n + BigInt(DIGITS.indexOf(digit));
  const hex = number.toString(16).padStart(32, '0');
  if (hex.length > 32) return undefined;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
