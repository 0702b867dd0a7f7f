import { isUtf8 } from 'node:buffer';
import { invalid, type Problem } from '../errors/problem.js';
import { endOfText, isName } from './duplicate-key.js';

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

/**
 * Says which NaN or Infinity, numbers of JavaScript and Python alone, a text holds that `JSON.parse` refuses. The text is
 * read once from its beginning to its end.
 * @returns undefined where it is refused for another reason
 */
export function noNumberIn(json: string): Problem | undefined {
  let name = '';
  for (let at = 0; at < json.length; at++) {
    if (json[at] === '"') {
      const end = endOfText(json, at);
      if (end < 0) return undefined;
      if (isName(json, end)) name = json.slice(at, Math.min(end + 1, at + 100));
      at = end;
    } else if ('NI-'.includes(json[at]!) && !/[\w.]/.test(json[at - 1] ?? '')) {
      const found = /^-?(NaN|Infinity)\b/.exec(json.slice(at, at + 10))?.[0];
      const where = name && ` for ${name}`;
      if (found)
        return invalid(
          '',
          `the body holds ${found}${where}, which JSON has not; send null for a missing value`,
        );
    }
  }
  return undefined;
}
