/** @jest-environment ./libs/inference/test/native-arrays-environment.mjs */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { GraphSession } from '../graph-session.js';
import {
  compileSignature,
  Explainer,
  type Explanation,
  FeatureErrors,
  ModelRunError,
  OnnxModel,
  type SignatureDefinition,
} from '../index.js';
import { LocalGraph } from '../local-graph.js';

type Row = Record<string, unknown>;

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);
const SAMPLED = { isAdditive: false, identity: 'a' };

async function explain(model: OnnxModel, background: Row[], rows: Row[], options = SAMPLED) {
  const explainer = await Explainer.open(model, background, options);
  return explainer.explain(rows, await model.predict(rows));
}

describe('explanations of trained trees', () => {
  const folder = mkdtempSync(join(tmpdir(), 'explained-'));
  const read = <T>(name: string, file: string) =>
    JSON.parse(readFileSync(join(folder, name, file), 'utf8')) as T;
  const models = new Map<
    string,
    { model: OnnxModel; rows: Row[]; background: Row[]; exact: number[][]; found: Explanation[] }
  >();

  beforeAll(async () => {
    execFileSync(
      process.env.MODELPLANE_PYTHON!,
      [resolve(import.meta.dirname, '../../test/explained-models.py'), folder],
      {
        env: { ...process.env, PYTHONPATH: resolve(import.meta.dirname, '../../../../trainer/src') },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    for (const name of readdirSync(folder)) {
      const bytes = readFileSync(join(folder, name, 'core.onnx'));
      const signature = compileSignature(read(name, 'signature.json'), 'core');
      const model = await OnnxModel.load(bytes, signature, { sha256: digest(bytes) });
      const [rows, background] = [read<Row[]>(name, 'rows.json'), read<Row[]>(name, 'background.json')];
      const found = await explain(model, background, rows);
      models.set(name, { model, rows, background, exact: read(name, 'exact.json'), found });
    }
  }, 300_000);

  afterAll(async () => {
    for (const { model } of models.values()) await model.release();
    rmSync(folder, { recursive: true });
  });

  it('should agree with exact interventional TreeSHAP: a correlation of 0.98 and more on average', () => {
    const means = Array.from(models, ([name, { found, exact }]) => {
      const correlations = found.map(({ contributions }, at) => correlation(contributions, exact[at]!));
      return { name, correlation: sum(correlations) / correlations.length };
    });
    expect(means).toHaveLength(6);
    expect(means.filter((each) => each.correlation < 0.98)).toEqual([]);
  });

  it('should be as far off as they say', () => {
    let [within, cases, squares, said] = [0, 0, 0, 0];
    for (const { found, exact } of models.values()) {
      for (const [at, { contributions, standardErrors, isExact }] of found.entries()) {
        const largest = Math.max(...exact[at]!.map(Math.abs));
        contributions.forEach((value, feature) => {
          const error = Math.abs(value - exact[at]![feature]!);
          const standardError = standardErrors[feature]!;
          if (isExact) expect(error).toBeLessThan(1e-5);
          // Below that the model's own rounding to float32 counts too.
          if (standardError < 1e-4 * largest) return;
          cases++;
          if (error <= 1.96 * standardError) within++;
          squares += (error / largest) ** 2;
          said += (standardError / largest) ** 2;
        });
      }
    }
    expect(cases).toBeGreaterThan(1000);
    expect(within / cases).toBeGreaterThan(0.9);
    expect(within / cases).toBeLessThan(0.98);
    expect(Math.sqrt(squares / said)).toBeGreaterThan(0.85);
    expect(Math.sqrt(squares / said)).toBeLessThan(1.15);
  });

  it('should end before the next run of the model where nobody waits any more', async () => {
    const [, { model, rows, background }] = [...models].find(([name]) => !name.endsWith('few features'))!;
    const explainer = await Explainer.open(model, background, SAMPLED);
    const predicted = await model.predict(rows);
    const run = jest.spyOn(model, 'run');
    let left = 2;
    const checkpoint = () => {
      if (left-- === 0) throw new Error('the caller has gone');
    };
    await expect(explainer.explain(rows, predicted, { checkpoint })).rejects.toThrow('the caller has gone');
    expect(run).toHaveBeenCalledTimes(2);
    run.mockRestore();
  });

  it('should be exact for few features, and add up to what was predicted', async () => {
    for (const [name, { model, rows, background, found }] of models) {
      const { predictions, confidences } = await model.predict(rows);
      const answers = (await model.predict(background)).predictions.length;
      expect(answers).toBe(100);
      for (const [at, { baseValue, contributions, isExact, samples }] of found.entries()) {
        const predicted = confidences?.[at] ?? (predictions[at] as number);
        expect(Math.abs(baseValue + sum(contributions) - predicted)).toBeLessThan(1e-6);
        expect({ name, isExact }).toEqual({ name, isExact: name.endsWith('few features') });
        expect(samples).toBeLessThanOrEqual(10_000);
      }
    }
  });

  it('should be the same each time, also among others and by a graph elsewhere', async () => {
    const { model, rows, background, found } = models.get('random forest, value')!;
    expect(await explain(model, background, rows)).toEqual(found);
    expect(await explain(model, background, [rows[3]!])).toEqual([found[3]]);
    // A graph that is somewhere else gets the values some time after it is asked.
    const graph = new LocalGraph(readFileSync(join(folder, 'random forest, value', 'core.onnx')));
    const session: GraphSession = {
      run: async (feeds, fetches) => {
        await nextTurn();
        return graph.run(feeds, fetches);
      },
      release: () => graph.release(),
    };
    const there = new OnnxModel(session, model.signature, 1);
    expect(await explain(there, background, rows)).toEqual(found);
    await there.release();
    // Another model draws other orders.
    const other = await explain(model, background, rows, { ...SAMPLED, identity: 'b' });
    expect(other[3]!.contributions).not.toEqual(found[3]!.contributions);
    expect(correlation(other[3]!.contributions, found[3]!.contributions)).toBeGreaterThan(0.95);
  });

  it('should leave other work its turn', async () => {
    const { model, rows, background } = models.get('random forest, value')!;
    const gaps: number[] = [];
    let last = performance.now();
    let counting = true;
    const tick = () => {
      gaps.push(performance.now() - last);
      last = performance.now();
      if (counting) setImmediate(tick);
    };
    setImmediate(tick);
    await explain(model, background, rows.slice(0, 4));
    counting = false;
    // About 8,000 mixtures a row, 250 at once.
    expect(gaps.length).toBeGreaterThan(100);
  });

  it('should go on, once begun, with a model that is released meanwhile', async () => {
    const name = 'gradient boosting, few features';
    const { background, rows, found } = models.get(name)!;
    const bytes = readFileSync(join(folder, name, 'core.onnx'));
    const signature = compileSignature(read(name, 'signature.json'), 'core');
    const model = await OnnxModel.load(bytes, signature, { sha256: digest(bytes) });
    const begun = model.keepFor(() => explain(model, background, rows));
    const released = model.release();
    expect(await begun).toEqual(found);
    await released;
    await expect(model.keepFor(() => explain(model, background, rows))).rejects.toThrow(ModelRunError);
    await expect(model.predict(rows)).rejects.toThrow(ModelRunError);
  });

  it('should refuse a background that the model does not take', async () => {
    const { model } = models.get('random forest, value')!;
    await expect(Explainer.open(model, [{ n0: 'x' }], SAMPLED)).rejects.toThrow(FeatureErrors);
  });
});

describe('explanations by a whole graph of several tensors', () => {
  const folder = resolve(import.meta.dirname, '../../test/models');

  it.each(['churn', 'prices', 'three-classes'])(
    'should be exact for %s, mixed before they are encoded',
    async (name) => {
      const bytes = readFileSync(join(folder, `${name}.onnx`));
      const reference = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as {
        signature: SignatureDefinition;
        sha256: string;
        rows: Row[];
      };
      const model = await OnnxModel.load(bytes, compileSignature(reference.signature), reference);
      const background = reference.rows.slice(0, 10);
      const rows = reference.rows.slice(-3);
      for (const [at, found] of (await explain(model, background, rows)).entries()) {
        const expected = await byEveryCoalition(model, background, rows[at]!);
        expect(found.isExact).toBe(true);
        expect(sum(found.standardErrors)).toBe(0);
        found.contributions.forEach((value, feature) => {
          expect(Math.abs(value - expected[feature]!)).toBeLessThan(1e-5 * Math.max(1, found.baseValue));
        });
      }
      await model.release();
    },
  );
});

describe('explanations of a graph that answers logits', () => {
  const WEIGHTS = [
    [1, -1, 0.5],
    [0.5, 2, -1],
  ];
  const input = (name: string, column: number) => ({
    ...{ name, type: 'number', tensor: 'x', dtype: 'float32', nullable: false, categories: null },
    column,
  });

  it.each([
    ['a column a class', ['a', 'b', 'c']],
    ['one column of two classes', ['a', 'b']],
  ])('should be exact for the probability: %s', async (_, labels) => {
    const columns = labels.length === 2 ? 1 : 3;
    const session: GraphSession = {
      run: async ({ x }) => {
        const rows = x!.data as Float32Array;
        const data = Array.from({ length: (rows.length / 2) * columns }, (__, at) => {
          const [row, column] = [Math.floor(at / columns), at % columns];
          return rows[2 * row]! * WEIGHTS[0]![column]! + rows[2 * row + 1]! * WEIGHTS[1]![column]!;
        });
        return { z: { data } };
      },
      release: async () => undefined,
    };
    const output = { type: 'classification', labels, label_tensor: null, probabilities_tensor: 'z' };
    const definition = {
      signature_version: 1,
      target: null,
      inputs: [input('p', 0), input('q', 1)],
      ignored: [],
      output: { ...output, probabilities: 'logits' },
    };
    const model = new OnnxModel(session, compileSignature(definition), 1);
    const background = [
      { p: 0, q: 0 },
      { p: -1, q: 2 },
      { p: 3, q: 0.5 },
    ];
    const row = { p: 1.5, q: -0.5 };
    const [found] = await explain(model, background, [row]);
    const { confidences } = await model.predict([row]);
    expect(found!.baseValue + sum(found!.contributions)).toBeCloseTo(confidences![0]!, 10);
    const expected = await byEveryCoalition(model, background, row);
    found!.contributions.forEach((value, at) => expect(value).toBeCloseTo(expected[at]!, 10));
  });
});

/** Shapley's formula over JSON rows, which the model encodes one by one. */
async function byEveryCoalition(model: OnnxModel, background: Row[], row: Row): Promise<number[]> {
  const names = model.signature.definition.inputs.map(({ name }) => name);
  const predicted = await model.predict([row]);
  const { output } = model.signature.definition;
  const label = output.type === 'classification' ? output.labels.indexOf(predicted.predictions[0]!) : 0;
  const worths: number[] = [];
  for (let members = 0; members < 2 ** names.length; members++) {
    const mixed = background.map((other) =>
      Object.fromEntries(names.map((name, at) => [name, (members & (1 << at) ? row : other)[name]])),
    );
    const { predictions, probabilities } = await model.predict(mixed);
    const answers = predictions.map((value, at) => probabilities?.[at]![label] ?? (value as number));
    worths.push(sum(answers) / answers.length);
  }
  const factorial = (count: number): number => (count < 2 ? 1 : count * factorial(count - 1));
  return names.map((_, feature) =>
    sum(
      worths.map((worth, members) => {
        if (members & (1 << feature)) return 0;
        const size = names.filter((__, at) => members & (1 << at)).length;
        const weight = (factorial(size) * factorial(names.length - size - 1)) / factorial(names.length);
        return weight * (worths[members | (1 << feature)]! - worth);
      }),
    ),
  );
}

/** Pearson's. */
function correlation(left: Iterable<number>, right: Iterable<number>): number {
  const [a, b] = [[...left], [...right]].map((values) => {
    const mean = sum(values) / values.length;
    return values.map((value) => value - mean);
  }) as [number[], number[]];
  const product = (one: number[], other: number[]) => sum(one.map((value, at) => value * other[at]!));
  return product(a, b) / Math.sqrt(product(a, a) * product(b, b));
}
