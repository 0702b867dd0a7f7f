import { MAX_DEPTH, MAX_NAMES, tooDeep, tooManyNames } from './body-shape.js';

const BACKSLASH = 0x5c;
const COLON = 0x3a;

interface Level {
  /** Names seen so far; null in an array. */
  names: Set<string> | null;
  /** Where in the level the reading is: the last name, or the index. */
  at: string | number;
}

/**
 * The path of the first name that an object of the text gives twice, of which `JSON.parse` would keep the last
 * without a word (RFC 8259, section 4, leaves open what then holds).
 * @param json a text that `JSON.parse` may not have taken yet: of one that it does not take, any path or none is found
 * @throws Problem 400 for one that nests deeper than MAX_DEPTH levels, or has an object of more than MAX_NAMES names
 */
export function duplicateKey(json: string): (string | number)[] | undefined {
  const levels: Level[] = [];
  for (let at = 0; at < json.length; at++) {
    const level = levels.at(-1);
    // Each level has a set of names: millions of them would take gigabytes.
    if (levels.length > MAX_DEPTH) throw tooDeep();
    switch (json[at]) {
      case '{':
        levels.push({ names: new Set(), at: '' });
        break;
      case '[':
        levels.push({ names: null, at: 0 });
        break;
      case '}':
      case ']':
        levels.pop();
        break;
      case ',':
        if (typeof level?.at === 'number') level.at++;
        break;
      case '"': {
        const end = endOfText(json, at);
        if (end < 0) return undefined;
        if (level?.names && isName(json, end)) {
          const quoted = json.slice(at, end + 1);
          const name = quoted.includes('\\') ? unescaped(quoted) : quoted.slice(1, -1);
          level.at = name;
          if (level.names.has(name)) return levels.map((each) => each.at);
          if (level.names.add(name).size > MAX_NAMES) throw tooManyNames();
        }
        at = end;
      }
    }
  }
  return undefined;
}

function unescaped(quoted: string): string {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return quoted; // The parser refuses it.
  }
}

/** Where the text that begins at `start` has its closing quotation mark; -1 where it has none. */
export function endOfText(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); ; end = json.indexOf('"', end + 1)) {
    let escapes = 0;
    while (json.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return end;
  }
}

/** Whether the text that ends at `end` is the name of a value. */
export function isName(json: string, end: number): boolean {
  let next = end + 1;
  while (json.charCodeAt(next) <= 0x20) next++;
  return json.charCodeAt(next) === COLON;
}
