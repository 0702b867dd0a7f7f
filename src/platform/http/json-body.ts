import { isUtf8 } from 'node:buffer';
import { invalid, type Problem } from '../errors/problem.js';

/** @throws Problem 400 for bytes that are not UTF-8 (RFC 8259, section 8.1), which would be read as other characters */
export function textOf(body: Buffer): string {
  const text = body.toString();
  if (isUtf8(body)) return text;
  // Where the text differs from its bytes, it has a replacement character.
  const again = Buffer.from(text);
  let at = 0;
  while (body[at] === again[at]) at++;
  throw invalid('', `the body is not UTF-8, in which JSON is sent: see byte ${at + 1}`);
}

/** A text, or one of the numbers of JavaScript and Python that JSON does not have. */
const TEXT_OR_NO_NUMBER = /"(?:[^"\\]|\\.)*"|(?<![\w.])-?(?:NaN|Infinity)\b/g;

/**
 * Says which NaN or Infinity a text holds that `JSON.parse` refuses.
 * @returns undefined where it is refused for another reason
 */
export function noNumberIn(json: string): Problem | undefined {
  let name = '';
  for (const { 0: found, index } of json.matchAll(TEXT_OR_NO_NUMBER)) {
    if (!found.startsWith('"')) {
      const where = name && ` for ${name}`;
      return invalid(
        '',
        `the body holds ${found}${where}, which JSON has not; send null for a missing value`,
      );
    }
    if (/^\s*:/.test(json.slice(index + found.length, index + found.length + 80))) name = found.slice(0, 100);
  }
  return undefined;
}
