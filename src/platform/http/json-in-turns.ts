import { setImmediate } from 'node:timers/promises';
import { invalid } from '../errors/problem.js';
import { MAX_DEPTH, tooDeep } from './body-shape.js';
import { endOfText } from './duplicate-key.js';

/*
 * Reading or writing megabytes of JSON takes a second where they are many small values. Here both are done a piece at a
 * time, and other requests have their turn in between. No JSON parser of Node stops half-way, so that a text is cut at
 * commas between the items of its long lists, which each piece is whole without.
 */

/** Characters that are read in one go. Those of the costliest shape, objects of new names, take some ten milliseconds. */
export const CHARACTERS_AT_ONCE = 128 * 1024;
/** Numbers or texts that are written in one go: a few milliseconds. */
const VALUES_AT_ONCE = 20_000;
/** Values that one item of a list may hold, and that all may hold that stands in no list: no piece is larger. */
export const MAX_VALUES_OF_ITEM = 20_000;
/** More than the rows of any request; so many empty objects take a moment only to be forgotten. */
export const MAX_ITEMS = 100_000;

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

interface Cut {
  /** The text with the number of its list, in the order of `lists`, for all items of each list of the outermost object. */
  readonly frame: string;
  /** The items of each list, cut at commas. */
  readonly lists: readonly (readonly string[])[];
}

/**
 * Reads a JSON object whose lists may be long, and leaves the thread to others after each piece.
 * @param parse reads a text whole
 * @throws Problem 400 for what is no object, nests too deep, or has more values in one item than are read in one go;
 * and what `parse` throws
 */
export async function parseInTurns(text: string, parse: (json: string) => unknown): Promise<object> {
  if (!/^\ufeff?\s*\{/.test(text)) throw invalid('', 'the body must be a JSON object');
  const { frame, lists } = await cut(text);
  await setImmediate();
  const body = parse(frame) as Record<string, unknown>;
  const read: unknown[][] = [];
  for (const pieces of lists) read.push(await parseList(pieces, parse));
  for (const [name, value] of Object.entries(body)) if (Array.isArray(value)) body[name] = read[value[0]];
  return body;
}

async function parseList(pieces: readonly string[], parse: (json: string) => unknown): Promise<unknown[]> {
  const items: unknown[] = [];
  for (const piece of pieces) {
    await setImmediate();
    const some = parse(`[${piece}]`) as unknown[];
    // Between the commas at which a list was cut nothing may be missing.
    if (some.length === 0 && pieces.length > 1) parse(`[${piece},]`);
    for (const item of some) items.push(item);
  }
  return items;
}

/** @throws Problem 400 */
async function cut(text: string): Promise<Cut> {
  const frame: string[] = [];
  const lists: string[][] = [];
  let pieces: string[] | undefined;
  let depth = 0;
  let from = 0;
  let items = 0;
  /** Of the item, or of all that stands in no list. */
  let values = 0;
  let outside = 0;
  const turn = CHARACTERS_AT_ONCE * 8;
  let turnEnds = turn;
  for (let at = 0; at < text.length; at++) {
    if (at > turnEnds) {
      await setImmediate();
      turnEnds = at + turn;
    }
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfText(text, at);
        // The parser says what is wrong with a text that does not end.
        if (at < 0) return { frame: '"', lists: [] };
        break;
      case OPEN_LIST:
      case OPEN_OBJECT:
        if (++depth > MAX_DEPTH) throw tooDeep();
        if (++values > MAX_VALUES_OF_ITEM) throw tooManyValues();
        if (depth !== 2 || text.charCodeAt(at) !== OPEN_LIST) break;
        frame.push(text.slice(from, at + 1), String(lists.length));
        pieces = [];
        from = at + 1;
        outside = values;
        items = values = 0;
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        if (--depth !== 1 || !pieces) break;
        pieces.push(text.slice(from, at));
        lists.push(pieces);
        pieces = undefined;
        from = at;
        values = outside;
        break;
      case COMMA:
        if (++values > MAX_VALUES_OF_ITEM) throw tooManyValues();
        if (!pieces || depth !== 2) break;
        values = 0;
        if (++items >= MAX_ITEMS) throw invalid('', `a list must not hold more than ${MAX_ITEMS} items`);
        if (at - from < CHARACTERS_AT_ONCE) break;
        pieces.push(text.slice(from, at));
        from = at + 1;
    }
  }
  frame.push(text.slice(from));
  return { frame: frame.join(''), lists };
}

function tooManyValues(): Error {
  const where = 'one item of a list, or all that stands in none,';
  return invalid('', `${where} must not hold more than ${MAX_VALUES_OF_ITEM} values`);
}

/** Whether writing an answer or a list takes so long that it is done by `stringifyInTurns`. */
export function isLong(value: object): boolean {
  if (Array.isArray(value)) return isLongList(value);
  for (const name in value) if (isLongList(value[name as keyof typeof value])) return true;
  return false;
}

function isLongList(value: unknown): boolean {
  return Array.isArray(value) && value.length * valuesOf(value[0]) > VALUES_AT_ONCE;
}

/** The text that `JSON.stringify` gives of a list, or of an object whose lists may be long. */
export async function stringifyInTurns(value: object): Promise<string> {
  const pieces: string[] = [];
  await writeInTurns(value, (piece) => pieces.push(piece));
  return pieces.join('');
}

/** As `stringifyInTurns`, in UTF-8. */
export async function encodeInTurns(value: object): Promise<Buffer> {
  const pieces: Buffer[] = [];
  await writeInTurns(value, (piece) => pieces.push(Buffer.from(piece)));
  return Buffer.concat(pieces);
}

type Write = (piece: string) => void;

async function writeInTurns(value: object, write: Write): Promise<void> {
  if (Array.isArray(value)) return writeList(value, write);
  let before = '{';
  for (const [name, member] of Object.entries(value) as [string, unknown][]) {
    if (member === undefined) continue;
    write(`${before}${JSON.stringify(name)}:`);
    if (Array.isArray(member)) await writeList(member, write);
    else write(JSON.stringify(member));
    before = ',';
  }
  write(before === '{' ? '{}' : '}');
}

async function writeList(list: readonly unknown[], write: Write): Promise<void> {
  write('[');
  let from = 0;
  let values = 0;
  for (let to = 1; to <= list.length; to++) {
    values += valuesOf(list[to - 1]);
    if (values < VALUES_AT_ONCE && to < list.length) continue;
    await setImmediate();
    write((from > 0 ? ',' : '') + JSON.stringify(list.slice(from, to)).slice(1, -1));
    [from, values] = [to, 0];
  }
  write(']');
}

/** Those that it holds itself. */
function valuesOf(item: unknown): number {
  if (typeof item !== 'object' || item === null) return 1;
  return 1 + (Array.isArray(item) ? item.length : Object.keys(item).length);
}
