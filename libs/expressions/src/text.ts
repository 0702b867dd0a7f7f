import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Integer } from './integers.js';

/** Code points that a function may make a text of; what would be longer is null. */
export const MAX_TEXT_LENGTH = 10_000;

const SURROGATE = /[\ud800-\udfff]/;

/** Length in code points. */
export function lengthOf(text: string): number {
  if (!SURROGATE.test(text)) return text.length;
  let length = 0;
  for (const _ of text) length++;
  return length;
}

/** The text, or null where it is too long. */
export function boundedText(text: string): string | null {
  return text.length <= MAX_TEXT_LENGTH || lengthOf(text) <= MAX_TEXT_LENGTH ? text : null;
}

/** Less than, equal to or greater than zero, by code points. */
export function compareTexts(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    const a = left.charCodeAt(at);
    const b = right.charCodeAt(at);
    // Halves of surrogate pairs stand for code points above all single units.
    if (a !== b) return rank(a) - rank(b);
  }
  return left.length - right.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** Code points from `start` (0-based) up to `end`; both may lie outside of the text. */
export function sliceText(text: string, start: number, end: number): string {
  const from = Math.max(start, 0);
  if (end <= from) return '';
  if (!SURROGATE.test(text)) return text.slice(from, end);
  return Array.from(text).slice(from, end).join('');
}

/** As PostgreSQL's: the first character is 1, characters before it count; null for a negative length. */
export function substring(text: string, start: Integer, length: Integer | null): string | null {
  if (length !== null && length < 0) return null;
  // Positions past all texts are as good as the last; the sum is exact in numbers up to 2^53 alone.
  const end = length === null ? Infinity : Number(BigInt(start) + BigInt(length) - 1n);
  return sliceText(text, Number(start) - 1, end);
}

/** The first `count` characters; a negative count leaves out so many at the end. */
export function left(text: string, count: Integer): string {
  return sliceText(text, 0, count < 0 ? lengthOf(text) + Number(count) : Number(count));
}

/** The last `count` characters; a negative count leaves out so many at the start. */
export function right(text: string, count: Integer): string {
  return sliceText(text, count < 0 ? -Number(count) : lengthOf(text) - Number(count), Infinity);
}

/** Takes characters of the set off the start, the end or both. */
export function trim(text: string, set: string, atStart: boolean, atEnd: boolean): string {
  const characters = new Set(set);
  const points = SURROGATE.test(text) ? Array.from(text) : text;
  let start = 0;
  let end = points.length;
  if (atStart) while (start < end && characters.has(points[start]!)) start++;
  if (atEnd) while (end > start && characters.has(points[end - 1]!)) end--;
  return typeof points === 'string' ? points.slice(start, end) : points.slice(start, end).join('');
}

/** Every occurrence, from left to right; an empty `from` occurs nowhere. Null where the result is too long. */
export function replace(text: string, from: string, to: string): string | null {
  if (from === '') return boundedText(text);
  const parts = text.split(from);
  const length = lengthOf(text) + (parts.length - 1) * (lengthOf(to) - lengthOf(from));
  return length > MAX_TEXT_LENGTH ? null : parts.join(to);
}

interface CaseMapping {
  readonly lower: ReadonlyMap<string, string>;
  readonly upper: ReadonlyMap<string, string>;
}

let caseMapping: CaseMapping | undefined;

/**
 * Character by character by contracts/case-mapping.v1.json, which the trainer reads, too: versions of Unicode differ
 * between engines. Characters whose other case is more than one character stay (ß), and so do those without one.
 */
export function changeCase(text: string, to: 'lower' | 'upper'): string {
  if (/^[\0-\x7f]*$/.test(text)) return to === 'lower' ? text.toLowerCase() : text.toUpperCase();
  const map = (caseMapping ??= readCaseMapping())[to];
  let changed = '';
  for (const character of text) changed += map.get(character) ?? character;
  return changed;
}

function readCaseMapping(): CaseMapping {
  const document = JSON.parse(
    readFileSync(join(findRoot(), 'contracts/case-mapping.v1.json'), 'utf8'),
  ) as Record<'lower' | 'upper', [first: number, last: number, step: number, distance: number][]>;
  const mapOf = (ranges: [number, number, number, number][]) => {
    const map = new Map<string, string>();
    for (const [first, last, step, distance] of ranges)
      for (let point = first; point <= last; point += step)
        map.set(String.fromCodePoint(point), String.fromCodePoint(point + distance));
    return map;
  };
  return { lower: mapOf(document.lower), upper: mapOf(document.upper) };
}

/** The repository's root is another way up from `dist` than from the sources. */
function findRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    if (dirname(folder) === folder) throw new Error(`no package.json above ${import.meta.dirname}`);
    folder = dirname(folder);
  }
  return folder;
}
