import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { python } from '../../../../test/support/data.js';
import type { Answers } from '../answers.js';
import { combineAnswers, disagreement, reorderClasses } from './combine.js';
import type { MetaModel } from './stacking.js';

const LABELS = ['basic', 'gold', 'silver'];
const ROWS = 300;

/** Numbers from 0 to 1 that are the same in every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 16807) % 2147483647) / 2147483647;
}

function member(seed: number, labels = LABELS): Answers {
  const next = numbers(seed);
  const probabilities = Array.from({ length: ROWS }, () => {
    const parts = labels.map(() => next());
    const sum = parts.reduce((total, part) => total + part, 0);
    return parts.map((part) => part / sum);
  });
  return {
    probabilities,
    predictions: probabilities.map((ofRow) => labels[ofRow.indexOf(Math.max(...ofRow))]!),
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
      const { predictions, probabilities, confidences } = combineAnswers({ method }, labels, members, shares);
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

  it('should become what stacking of scikit-learn makes of them', async () => {
    // Mostly what the first member says.
    const truthOf = ({ predictions }: Answers, count: number) =>
      predictions
        .slice(0, 200)
        .map((label, row) => (row % 5 ? LABELS.indexOf(label as string) : (row / 5) % count));
    const classes = [2, 3].map((count) => {
      const labels = LABELS.slice(0, count);
      const members = [1, 2, 3].map((at) => member(at * 7919, labels));
      return { method: 'stacking', members, labels, truth: truthOf(members[0]!, count) };
    });
    const values = {
      method: 'stacking',
      members: [1, 2, 3].map((at): Answers => {
        const next = numbers(at * 104729);
        return { predictions: Array.from({ length: ROWS }, () => 10 * next() - 5) };
      }),
      labels: [],
      truth: Array.from({ length: 200 }, (_, row) => Math.sin(row) * 10),
    };
    const cases = [...classes, values].map((each) => ({ ...each, rows: ROWS, fitted: 200 }));
    const expected = await referenceOf(cases);
    cases.forEach(({ members, labels }, at) => {
      const { meta, predictions, probabilities } = expected[at]!;
      const found = combineAnswers({ method: 'stacking', meta }, labels, members, []);
      if (labels.length === 0) {
        found.predictions.forEach((value, row) => expect(value).toBeCloseTo(predictions[row] as number, 9));
        return;
      }
      expect(found.predictions).toEqual(predictions);
      expect(new Set(predictions).size).toBe(labels.length);
      found.probabilities!.forEach((ofRow, row) => {
        expect(ofRow).toHaveLength(labels.length);
        ofRow.forEach((value, label) => expect(value).toBeCloseTo(probabilities![row]![label]!, 9));
        expect(found.confidences![row]).toBe(Math.max(...ofRow));
      });
    });
  });

  it('should become mean ranks on lines that numpy draws', async () => {
    const weights = [0.5, 0.3, 0.2];
    const scalesOf = (low: number, high: number) =>
      [0, 1, 2].map((at) => {
        const knots = Array.from({ length: 9 + at }, (_, knot) => (knot / (8 + at)) ** (1 + at / 2));
        return { values: knots.map((knot) => low + knot * (high - low)), ranks: knots.map(Math.sqrt) };
      });
    const labels = LABELS.slice(0, 2);
    const values = [1, 2, 3].map((at): Answers => {
      const next = numbers(at * 104729);
      return { predictions: Array.from({ length: ROWS }, () => 12 * next() - 6) };
    });
    const cases = [
      { labels, members: [1, 2, 3].map((at) => member(at * 7919, labels)), scales: scalesOf(0.1, 0.9) },
      { labels: [], members: values, scales: scalesOf(-5, 5) },
    ].map((each) => ({ ...each, method: 'rank', weights, rows: ROWS }));
    const [classes, numbersOf] = await referenceOf(cases);
    const [ofClasses, ofValues] = cases.map(({ labels: names, members, scales }) =>
      combineAnswers({ method: 'rank' }, names, members, weights, scales),
    );
    ofClasses!.probabilities!.forEach((ofRow, row) => {
      ofRow.forEach((value, at) => expect(value).toBeCloseTo(classes!.probabilities![row]![at]!, 12));
      expect(ofClasses!.predictions[row]).toBe(labels[ofRow[1]! > 0.5 ? 1 : 0]);
    });
    ofValues!.predictions.forEach((value, row) =>
      expect(value).toBeCloseTo(numbersOf!.predictions[row] as number, 9),
    );
  });

  it('should be stacked without an overflow, however far apart', () => {
    const far: Answers = { predictions: ['basic'], probabilities: [[0, 0, 1]] };
    const meta = {
      coefficients: [
        [0, 0, 900],
        [0, 0, -900],
        [0, 0, 0],
      ],
      intercepts: [0, 0, 0],
    };
    expect(combineAnswers({ method: 'stacking', meta }, LABELS, [far], []).probabilities).toEqual([
      [1, 0, 0],
    ]);
    const two: Answers = { predictions: ['gold'], probabilities: [[0, 1]] };
    const steep = { coefficients: [[-2000]], intercepts: [0] };
    const { probabilities } = combineAnswers(
      { method: 'stacking', meta: steep },
      ['basic', 'gold'],
      [two],
      [],
    );
    expect(probabilities).toEqual([[1, 0]]);
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

async function referenceOf(cases: object[]): Promise<(Answers & { meta?: MetaModel })[]> {
  const folder = await mkdtemp(join(tmpdir(), 'modelplane-voting-'));
  try {
    const file = join(folder, 'cases.json');
    await writeFile(file, JSON.stringify(cases));
    return JSON.parse(await python([join(__dirname, '../../../../test/support/voting.py'), file]));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
