import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { python } from '../../../../test/support/data.js';
import type { Answers } from '../answers.js';
import { combineAnswers, disagreement, reorderClasses } from './combine.js';

const LABELS = ['basic', 'gold', 'silver'];
const ROWS = 300;

/** Numbers from 0 to 1 that are the same in every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 16807) % 2147483647) / 2147483647;
}

function member(seed: number): Answers {
  const next = numbers(seed);
  const probabilities = Array.from({ length: ROWS }, () => {
    const parts = LABELS.map(() => next());
    const sum = parts.reduce((total, part) => total + part, 0);
    return parts.map((part) => part / sum);
  });
  return {
    probabilities,
    predictions: probabilities.map((ofRow) => LABELS[ofRow.indexOf(Math.max(...ofRow))]!),
  };
}

describe('answers of members', () => {
  it('should become what voting of scikit-learn makes of them', async () => {
    const classes = [1, 2, 3, 4, 5].map((at) => member(at * 7919));
    const values = [1, 2, 3].map((at): Answers => {
      const next = numbers(at * 104729);
      return { predictions: Array.from({ length: ROWS }, () => 1000 * next() - 500) };
    });
    const cases = (['voting_soft', 'voting_hard', 'averaging'] as const).flatMap((method) =>
      [true, false].map((isWeighted) => {
        const members = method === 'averaging' ? values : classes;
        // No two sets of these have the same sum, which rounding would decide.
        const weights = members.map((_, at) => (isWeighted ? 0.4 * 1.37 ** at : 1));
        return { method, members, weights, labels: method === 'averaging' ? [] : LABELS, rows: ROWS };
      }),
    );
    const expected = await referenceOf(cases);
    cases.forEach(({ method, members, weights, labels }, at) => {
      const sum = weights.reduce((total, weight) => total + weight, 0);
      const shares = weights.map((weight) => weight / sum);
      const { predictions, probabilities, confidences } = combineAnswers(method, labels, members, shares);
      if (method === 'averaging') {
        predictions.forEach((value, row) =>
          expect(value).toBeCloseTo(expected[at]!.predictions[row] as number, 9),
        );
        return;
      }
      expect(predictions).toEqual(expected[at]!.predictions);
      expect(new Set(predictions).size).toBe(LABELS.length);
      predictions.forEach((label, row) =>
        expect(confidences![row]).toBe(probabilities![row]![LABELS.indexOf(label as string)]),
      );
      if (method === 'voting_hard') return;
      probabilities!.forEach((ofRow, row) =>
        ofRow.forEach((value, label) =>
          expect(value).toBeCloseTo(expected[at]!.probabilities![row]![label]!, 12),
        ),
      );
    });
  });

  it('should be matched by class, whatever its place', () => {
    const answers: Answers = { predictions: ['gold'], probabilities: [[0.5, 0.2, 0.3]] };
    expect(reorderClasses(answers, [2, 0, 1])).toEqual({
      predictions: ['gold'],
      probabilities: [[0.3, 0.5, 0.2]],
    });
    expect(reorderClasses(answers, null)).toBe(answers);
  });

  it('should be apart by the standard deviation of values, probabilities or votes', () => {
    const values = [1, 2, 6].map((value): Answers => ({ predictions: [value] }));
    expect(disagreement([], values, [3])[0]).toBeCloseTo(Math.sqrt(14 / 3), 12);
    const votes = ['gold', 'gold', 'basic', 'gold'].map((label): Answers => ({ predictions: [label] }));
    expect(disagreement(LABELS, votes, ['gold'])[0]).toBeCloseTo(Math.sqrt(0.75 * 0.25), 12);
    const same: Answers = { predictions: ['basic'], probabilities: [[0.6, 0.4, 0]] };
    expect(disagreement(LABELS, [same, same], ['basic'])).toEqual([0]);
  });
});

async function referenceOf(cases: object[]): Promise<Answers[]> {
  const folder = await mkdtemp(join(tmpdir(), 'modelplane-voting-'));
  try {
    const file = join(folder, 'cases.json');
    await writeFile(file, JSON.stringify(cases));
    return JSON.parse(await python([join(__dirname, '../../../../test/support/voting.py'), file]));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
