import { setImmediate } from 'node:timers/promises';
import { isLong, parseInTurns, stringifyInTurns } from './json-in-turns.js';

/** Turns of the event loop that others had while `work` was under way. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  let isDone = false;
  const done = work.finally(() => (isDone = true));
  while (!isDone) {
    await setImmediate();
    turns++;
  }
  await done;
  return turns;
}

const parse = (json: string): unknown => JSON.parse(json);
const ROW = { name: 'a, "b": [', text: '\\', list: [1, [2], {}], inner: { c: null, 'd]': true } };
const ROWS = Array.from({ length: 3000 }, (_, at) => ({ ...ROW, at }));

describe('parsing in turns', () => {
  it.each<[string, string]>([
    ['rows', JSON.stringify({ model_id: 'm', features: ROWS, options: { a: [1] } })],
    ['rows with spaces', JSON.stringify({ model_id: 'm', features: ROWS }, null, 2)],
    ['several lists', JSON.stringify({ a: ROWS, b: [], c: ROWS.map(({ at }) => at), d: [[]] })],
    ['one row', '{"features":{"a":[1,2],"b":{}}}'],
    ['nothing', ' { } '],
    ['a list of spaces', '{"a":[ \n ]}'],
    ['a name given twice', '{"a":[1,2],"b":[3],"a":[4]}'],
    ['escapes in names', '{"\\u0061":[1],"\\"[":[2]}'],
  ])('should give what JSON.parse gives of %s', async (_, text) => {
    expect(await parseInTurns(text, parse)).toEqual(JSON.parse(text));
  });

  const long = 'x'.repeat(200_000);
  it.each<[string, string]>([
    ['a comma at the end', `{"a":["${long}",]}`],
    ['a comma at the end of a piece', `{"a":["${long}", ]}`],
    ['two commas', `{"a":["${long}",,1]}`],
    ['a comma at the beginning', `{"a":[,"${long}"]}`],
    ['spaces for an item', `{"a":[${' '.repeat(200_000)},1]}`],
    ['brackets of two kinds', '{"a":[1}]'],
    ['too many brackets', '{"a":[1]}}'],
    ['a list that does not end', '{"a":[1,2'],
    ['a text that does not end', '{"a":1}   "'],
    ['brackets crossed between pieces', `{"a":[{"b":"${long}"],"c":[}]}`],
    ['a fault in a list whose name is given again', '{"a":[nonsense],"a":[1]}'],
    ['something behind the object', '{"a":[1]} 1'],
  ])('should throw as JSON.parse does at %s', async (_, text) => {
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
    await expect(parseInTurns(text, parse)).rejects.toThrow(SyntaxError);
  });

  it.each<[string, string, RegExp]>([
    ['a list', `[${'1,'.repeat(1e6)}1]`, /must be a JSON object/],
    ['a text', `"${long}"`, /must be a JSON object/],
    [
      'a row of a million numbers',
      `{"a":[{"b":[${'1,'.repeat(1e6)}1]}]}`,
      /one item .* more than 20000 values/,
    ],
    ['a million names', `{${'"a":1,'.repeat(1e6)}"b":1}`, /all that stands in none.* more than 20000 values/],
    ['a million names among lists', `{${'"a":1,"b":[1],'.repeat(5e5)}"c":1}`, /more than 20000 values/],
    [
      'lists in lists in a row',
      `{"a":[[${`${'['.repeat(29)}${']'.repeat(29)},`.repeat(9e3)}1]]}`,
      /20000 values/,
    ],
    ['a million empty rows', `{"a":[${'{},'.repeat(1e6)}{}]}`, /must not hold more than 100000 items/],
    ['a million levels', `{"a":${'['.repeat(1e6)}${']'.repeat(1e6)}}`, /deeper than 32 levels/],
  ])('should refuse %s before anything is parsed', async (_, text, message) => {
    const parsed: string[] = [];
    const read = parseInTurns(text, (json) => parsed.push(json));
    await expect(read).rejects.toThrow(message);
    expect(parsed).toEqual([]);
  });

  it('should leave the thread to others after each piece', async () => {
    const text = JSON.stringify({ features: Array.from({ length: 40 }, () => 'x'.repeat(100_000)) });
    expect(await turnsDuring(parseInTurns(text, parse))).toBeGreaterThan(20);
  });
});

describe('writing in turns', () => {
  it.each<[string, object]>([
    ['rows', ROWS],
    ['an answer', { id: 'a"', rows: ROWS, no: undefined, none: null, list: [undefined, null, 1], empty: [] }],
    ['nothing', {}],
    ['no item', []],
  ])('should give what JSON.stringify gives of %s', async (_, value) => {
    expect(await stringifyInTurns(value)).toBe(JSON.stringify(value));
  });

  it('should leave the thread to others while it writes many values', async () => {
    const probabilities = Array.from({ length: 400 }, () => new Array<number>(1000).fill(0.125));
    expect(isLong({ probabilities })).toBe(true);
    expect(await turnsDuring(stringifyInTurns({ probabilities }))).toBeGreaterThan(15);
  });

  it('should be for what is long alone', () => {
    expect(isLong({ prediction: [1], confidence: 0.5, probabilities: [[0.5, 0.5]] })).toBe(false);
    expect(isLong({ features: { a: 1 } })).toBe(false);
    expect(isLong([])).toBe(false);
  });
});
