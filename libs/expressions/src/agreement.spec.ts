import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { COLUMNS, RandomExpressions, randomFrom } from '../test/random-expressions.js';
import {
  compile,
  ExpressionError,
  type ExpressionTree,
  type ParsedExpression,
  parseExpression,
  type ScalarValue,
} from './index.js';

const EXPRESSIONS = 10_000;
const EXPRESSIONS_A_TABLE = 100;
const ROWS = 10;
/** What the parser may refuse of random text: literals that cannot be cast, and what is too large. */
const REFUSED = /^.* is no \w+|^an expression /s;

interface Case {
  text: string;
  tree: ExpressionTree;
}

describe('the evaluators of the API and of the trainer', () => {
  const seed = Number(process.env.EXPRESSIONS_SEED ?? Date.now() % 2 ** 31);

  it(`should answer alike, with EXPRESSIONS_SEED=${seed}`, async () => {
    const random = new RandomExpressions(randomFrom(seed));
    const tables: { cases: Case[]; columns: Record<string, { type: string; values: ScalarValue[] }> }[] = [];
    for (let made = 0; made < EXPRESSIONS; made += EXPRESSIONS_A_TABLE) {
      const columns = Object.fromEntries(
        [...COLUMNS].map(([name, type]) => [
          name,
          { type, values: Array.from({ length: ROWS }, () => random.value(type)) },
        ]),
      );
      const cases: Case[] = [];
      while (cases.length < EXPRESSIONS_A_TABLE) {
        const text = random.expression(random.type(), 1 + (cases.length % 3));
        const parsed = await parseExpression(text, COLUMNS).catch((error: unknown) => error);
        if (parsed instanceof ExpressionError) expect(`${parsed.message} in ${text}`).toMatch(REFUSED);
        else if (parsed instanceof Error) throw parsed;
        else cases.push({ text, ...(parsed as ParsedExpression) });
      }
      tables.push({ columns, cases });
    }

    const input = tables.map(({ columns, cases }) =>
      JSON.stringify({ columns, trees: cases.map(({ tree }) => tree) }),
    );
    const output = execFileSync(
      process.env.MODELPLANE_PYTHON!,
      [resolve(import.meta.dirname, '../test/evaluate.py')],
      {
        env: { ...process.env, PYTHONPATH: resolve(import.meta.dirname, '../../../trainer/src') },
        input: input.join('\n'),
        maxBuffer: 2 ** 30,
      },
    ).toString();
    const answers = output
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as ScalarValue[][]);

    const differences: object[] = [];
    let present = 0;
    tables.forEach(({ columns, cases }, table) =>
      cases.forEach(({ text, tree }, index) => {
        const evaluate = compile(tree);
        for (let at = 0; at < ROWS; at++) {
          const row = Object.fromEntries(
            Object.entries(columns).map(([name, { values }]) => [name, values[at]]),
          );
          const here = evaluate(row);
          const there = answers[table]![index]![at]!;
          if (here !== null) present++;
          if (!Object.is(here, there)) differences.push({ text, row, here, there });
        }
      }),
    );
    expect(differences.slice(0, 3)).toEqual([]);
    // An agreement of nulls would say little.
    expect(present).toBeGreaterThan(EXPRESSIONS * ROWS * 0.3);
  });
});
