import { InvalidObjectUri } from './errors.js';

/**
 * Globs over keys: `*` and `?` within a segment, `**` as a whole segment, `{a,b}`, `[a-z]`, `[!a-z]`.
 *
 * Patterns come from tenants, so matching must not be able to hang the process. Translating to a regular
 * expression (as picomatch does) backtracks: `*a*a*a*a*a*b` on a name of 120 letters took 35 s. Here a segment
 * is matched with one remembered star and so in O(pattern x name) at worst, and `**` likewise over segments.
 */
export type KeyMatcher = (key: string) => boolean;

type Token =
  | { readonly kind: 'literal'; readonly character: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'star' }
  | {
      readonly kind: 'class';
      readonly negated: boolean;
      readonly ranges: readonly (readonly [number, number])[];
    };

type Segment = readonly Token[] | '**';

const MAX_ALTERNATIVES = 64;
const MAX_ALTERNATIVES_LENGTH = 8192;
/** Characters that a matcher compares in its life: about a second of work, and a hundred times what globs need. */
const MAX_COMPARISONS = 100_000_000;

/** Counts comparisons of characters. */
interface Budget {
  left: number;
}

/**
 * @returns a matcher for one listing. @throws InvalidObjectUri, once it has compared so much that the pattern must be
 * made to cost time
 * @throws InvalidObjectUri for unbalanced brackets or braces, and for more than 64 alternatives or 8,192 characters in
 * all of them
 */
export function compileGlob(glob: string): KeyMatcher {
  const texts = expandBraces(glob);
  if (texts.reduce((length, text) => length + text.length, 0) > MAX_ALTERNATIVES_LENGTH)
    throw fault(glob, `has more than ${MAX_ALTERNATIVES_LENGTH} characters in all of its alternatives`);
  const alternatives = texts.map((text) => text.split('/').map(parseSegment));
  const budget: Budget = { left: MAX_COMPARISONS };
  return (key) => {
    const names = key.split('/').map((name) => Array.from(name));
    const isMatch = alternatives.some((segments) => matchSegments(segments, names, budget));
    if (budget.left <= 0)
      throw fault(glob, 'takes too long to compare with these objects; write it with fewer wildcards');
    return isMatch;
  };
}

/** The position of the first character with a meaning of its own, or -1. */
export function firstWildcard(glob: string): number {
  return glob.search(/[*?[{]/);
}

/** `_SUCCESS`, `.part.crc` and the like: what data tools write beside the data. */
export function isHiddenName(name: string): boolean {
  return name.startsWith('.') || name.startsWith('_');
}

function expandBraces(glob: string): string[] {
  const open = glob.indexOf('{');
  if (open < 0) {
    if (glob.includes('}')) throw fault(glob, 'has a "}" without a "{"');
    return [glob];
  }
  const choices: string[] = [];
  let depth = 0;
  let start = open + 1;
  for (let at = open; at < glob.length; at++) {
    const character = glob[at];
    if (character === '{') depth++;
    else if (character === ',' && depth === 1) {
      choices.push(glob.slice(start, at));
      start = at + 1;
    } else if (character === '}' && --depth === 0) {
      choices.push(glob.slice(start, at));
      if (choices.length === 1) throw fault(glob, 'has braces without a comma');
      const expanded = choices.flatMap((choice) =>
        expandBraces(glob.slice(0, open) + choice + glob.slice(at + 1)),
      );
      if (expanded.length > MAX_ALTERNATIVES)
        throw fault(glob, `has more than ${MAX_ALTERNATIVES} alternatives`);
      return expanded;
    }
  }
  throw fault(glob, 'has a "{" without a "}"');
}

function parseSegment(text: string): Segment {
  if (text === '**') return '**';
  const tokens: Token[] = [];
  const characters = Array.from(text);
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    if (character === '*') {
      if (tokens.at(-1)?.kind !== 'star') tokens.push({ kind: 'star' });
    } else if (character === '?') tokens.push({ kind: 'any' });
    else if (character === '[') {
      const negated = characters[at + 1] === '!' || characters[at + 1] === '^';
      const first = at + (negated ? 2 : 1);
      // A bracket right after the opening one stands for itself, as in every shell.
      const close = characters.indexOf(']', first + 1);
      if (close < 0) throw fault(text, 'has a "[" without a "]"');
      tokens.push({ kind: 'class', negated, ranges: parseRanges(characters.slice(first, close)) });
      at = close;
    } else tokens.push({ kind: 'literal', character });
  }
  return tokens;
}

function parseRanges(characters: readonly string[]): [number, number][] {
  const ranges: [number, number][] = [];
  for (let at = 0; at < characters.length; at++) {
    const low = characters[at]!.codePointAt(0)!;
    if (characters[at + 1] === '-' && at + 2 < characters.length) {
      ranges.push([low, characters[at + 2]!.codePointAt(0)!]);
      at += 2;
    } else ranges.push([low, low]);
  }
  return ranges;
}

/** The classic greedy match with one remembered star: a later star makes going back to an earlier one useless. */
function matchSegments(segments: readonly Segment[], names: readonly string[][], budget: Budget): boolean {
  let segment = 0;
  let name = 0;
  let star = -1;
  let resume = 0;
  while (name < names.length && budget.left-- > 0) {
    const current = segments[segment];
    if (current === '**') {
      star = segment++;
      // Last in the pattern it stands for the objects below a folder, so it takes at least one name.
      resume = segment === segments.length ? name + 1 : name;
      if (segment === segments.length) return names.slice(name).every((rest) => !isHiddenName(rest[0] ?? ''));
    } else if (current !== undefined && matchName(current, names[name]!, budget)) {
      segment++;
      name++;
    } else if (star >= 0 && !isHiddenName(names[resume]![0] ?? '')) {
      segment = star + 1;
      name = ++resume;
    } else return false;
  }
  return segment === segments.length;
}

function matchName(tokens: readonly Token[], name: readonly string[], budget: Budget): boolean {
  const [first] = tokens;
  // Hidden names are matched only by a pattern that spells out their first character.
  if (first && first.kind !== 'literal' && isHiddenName(name[0] ?? '')) return false;
  let token = 0;
  let at = 0;
  let star = -1;
  let resume = 0;
  while (at < name.length && budget.left > 0) {
    const current = tokens[token];
    budget.left -= current?.kind === 'class' ? current.ranges.length : 1;
    if (current?.kind === 'star') {
      star = token++;
      resume = at;
    } else if (current !== undefined && matchCharacter(current, name[at]!)) {
      token++;
      at++;
    } else if (star >= 0) {
      token = star + 1;
      at = ++resume;
    } else return false;
  }
  if (tokens[token]?.kind === 'star') token++;
  return token === tokens.length;
}

function matchCharacter(token: Token, character: string): boolean {
  if (token.kind === 'literal') return token.character === character;
  if (token.kind !== 'class') return true;
  const code = character.codePointAt(0)!;
  return token.ranges.some(([low, high]) => code >= low && code <= high) !== token.negated;
}

function fault(glob: string, reason: string): InvalidObjectUri {
  return new InvalidObjectUri(`the pattern ${JSON.stringify(glob)} ${reason}`);
}
