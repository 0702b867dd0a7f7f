import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { compileContract } from '#libs/compute';
import { compile, type ExpressionTree, parseExpression, type ScalarValue, typeOf } from '#libs/expressions';
import { cloneDatabase, type TestDatabase } from './support/database.js';

/** Examples that PostgreSQL does not have, or answers otherwise, as docs/expressions.md says. */
const OURS_ALONE =
  /\d \/ \d|^(contains|ends_with|date_diff|true::int64)|^concat.*1|1e\+21|^' 7 '|^cast\(timestamp|straße/;

describe('docs/expressions.md', () => {
  const page = readFileSync(resolve(import.meta.dirname, '../docs/expressions.md'), 'utf8');
  const examples = [...page.matchAll(/`([^`]+)` is `([^`]+)`/g)].map(
    ([, text, value]) => [text!.replaceAll('\\|', '|'), value!.replace(/^'|'$/g, '"')] as const,
  );
  let database: TestDatabase;

  beforeAll(async () => {
    database = await cloneDatabase();
  });
  afterAll(() => database.drop());

  it('should have examples of all', () => {
    expect(examples.length).toBeGreaterThan(60);
  });

  it.each(examples)('should be right that %s is %s', async (text, value) => {
    expect(await answerOf(text)).toEqual(JSON.parse(value));
  });

  it.each(examples.filter(([text]) => !OURS_ALONE.test(text)))(
    'should say of %s what PostgreSQL does',
    async (text) => {
      const sql = text.replace('::int64', '::int8').replace('int64', 'int8');
      const [row] = await database.query<{ value: unknown }>(`select ${sql} as value`);
      const ours = await answerOf(text);
      // Numbers of 64 bits and decimals come as text.
      expect(typeof ours === 'number' ? Number(row!.value) : row!.value).toEqual(ours);
    },
  );

  async function answerOf(text: string): Promise<ScalarValue> {
    const { tree } = await parseExpression(text, new Map());
    return compile(tree)({});
  }
});

describe('expression.v1', () => {
  it('should make trees that fit their contract', async () => {
    const isTree = compileContract<ExpressionTree>('expression.v1');
    const columns = new Map([
      ['income', 'float64'],
      ['orders', 'int64'],
      ['Name', 'string'],
      ['seen_at', 'timestamp'],
    ]);
    const text = `case when orders between 1 and 3 and Name is not null then round(income, 2)
      when extract(year from seen_at) in (2025, 2026) then least(income, 9007199254740993) else null end`;
    const { tree, type } = await parseExpression(text, columns);
    expect(isTree(tree)).toBe(true);
    expect(typeOf(tree)).toBe(type);
    expect(isTree({ ...tree, sql: 'select 1' })).toBe(false);
    expect(isTree({ op: 'call', name: 'pg_sleep', type: 'int64', args: [] })).toBe(false);
  });
});
