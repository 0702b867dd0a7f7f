import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { trainedCores } from '../test/trained-cores.js';
import {
  compileSignature,
  FeatureErrors,
  InvalidSignature,
  OnnxModel,
  type SignatureDefinition,
} from './index.js';
import { isRowByRow } from './row-by-row.js';
import type { GraphPart } from './signature-definition.js';

type Row = Record<string, unknown>;

let folder: string;

/** The runtime multiplies matrices in another order for many rows than for one. */
const LINEAR = /^(linear_regression|ridge|lasso|logistic_regression|sgd)|sigmoid$/;

function json<T>(name: string, file: string): T {
  return JSON.parse(readFileSync(join(folder, name, file), 'utf8')) as T;
}

function open(name: string, part: GraphPart, definition: SignatureDefinition): Promise<OnnxModel> {
  const bytes = readFileSync(join(folder, name, part === 'core' ? 'core.onnx' : 'model.onnx'));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return OnnxModel.load(bytes, compileSignature(definition, part), { sha256 });
}

describe('the core of a trained model', () => {
  let names: string[];

  beforeAll(async () => {
    folder = await trainedCores();
    names = readdirSync(folder);
  }, 300_000);

  it('should be there for every estimator and table', () => {
    expect(names.length).toBeGreaterThan(100);
    expect(names.filter((name) => !existsSync(join(folder, name, 'core.onnx')))).toEqual([]);
  });

  it('should answer every row as the whole graph, to the last bit', async () => {
    for (const name of names) {
      const definition = json<SignatureDefinition>(name, 'signature.json');
      const rows = json<Row[]>(name, 'rows.json');
      const whole = await open(name, 'whole', definition);
      const core = await open(name, 'core', definition);
      const [expected, actual] = [await whole.predict(rows), await core.predict(rows)];
      expect({ name, ...actual }).toEqual({ name, ...expected });
      for (const row of rows.slice(290, 310)) {
        expect(await core.predict([row])).toEqual(await whole.predict([row]));
      }
      await Promise.all([whole.release(), core.release()]);
    }
  }, 300_000);

  it('should answer a row among others as it does alone, to the last bit where nothing is multiplied out', async () => {
    const rowByRow: string[] = [];
    for (const name of names) {
      const rows = json<Row[]>(name, 'rows.json').slice(0, 70);
      const core = await open(name, 'core', json<SignatureDefinition>(name, 'signature.json'));
      const numbers = (given: Row[]) => {
        const { predictions, probabilities } = core.predictNow(given);
        return probabilities ?? predictions.map((value) => [value as number]);
      };
      const together = numbers(rows);
      const alone = rows.flatMap((row) => numbers([row]));
      if (isRowByRow(readFileSync(join(folder, name, 'core.onnx')))) rowByRow.push(name);
      if (LINEAR.test(name) && !rowByRow.includes(name)) {
        const largest = Math.max(...together.flat().map(Math.abs));
        const differences = alone.flatMap((values, row) =>
          values.map((value, at) => Math.abs(value - together[row]![at]!) / largest),
        );
        // Isotonic calibration is a line between points, as steep as their data: it multiplies what came before.
        const most = name.endsWith('isotonic') ? 1e-4 : 1e-6;
        expect({ name, isClose: Math.max(...differences) < most }).toEqual({ name, isClose: true });
      } else expect({ name, together }).toEqual({ name, together: alone });
      await core.release();
    }
    for (const estimator of ['random_forest', 'gradient_boosting', 'hist_gradient_boosting'])
      expect(rowByRow).toContainEqual(expect.stringMatching(new RegExp(`^${estimator} `)));
  }, 300_000);

  it('should take and refuse the same values in the same words', () => {
    const definition = json<SignatureDefinition>('logistic_regression mixture two classes', 'signature.json');
    const [whole, core] = [compileSignature(definition), compileSignature(definition, 'core')];
    const [row] = json<Row[]>('logistic_regression mixture two classes', 'rows.json');
    const values = [
      null,
      '',
      'Köln',
      'Atlantis',
      'x'.repeat(65537),
      1,
      0,
      -0,
      1.5,
      1e39,
      2 ** 53,
      true,
      [],
      {},
    ];
    values.push('2026-02-12T10:00:00Z', '2026-02-30', 1e300);
    const outcome = (signature: typeof whole, rows: Row[]) => {
      try {
        return signature.encode(rows).warnings;
      } catch (error) {
        if (error instanceof FeatureErrors) return error.errors;
        throw error;
      }
    };
    let refused = 0;
    for (const { name } of definition.inputs) {
      for (const value of values) {
        for (const rows of [[{ ...row, [name]: value }], [row!, { ...row, [name]: value, more: 1 }]]) {
          expect(outcome(core, rows)).toEqual(outcome(whole, rows));
          if (outcome(core, rows).some((each) => typeof each !== 'string')) refused++;
        }
      }
      const { [name]: _, ...rest } = row!;
      expect(outcome(core, [rest])).toEqual(outcome(whole, [rest]));
    }
    expect(refused).toBeGreaterThan(definition.inputs.length * 10);
  });

  it.each<[string, (columns: Row[]) => Row[]]>([
    ['a tensor that no feature feeds', (columns) => [...columns, { tensor: 'x' }]],
    [
      'a feature that it does not read',
      (columns) => columns.filter(({ tensor }) => tensor !== columns[0]!.tensor),
    ],
    ['a text as a number', (columns) => columns.map(({ tensor }) => ({ tensor }))],
    ['a number as a text', (columns) => [...columns, { tensor: columns[0]!.tensor, equals: 'x' }]],
    ['a scale without an offset', (columns) => [...columns, { tensor: columns[0]!.tensor, scale: 2 }]],
  ])('should be refused with %s', (_, change) => {
    const definition = json<SignatureDefinition>('logistic_regression mixture two classes', 'signature.json');
    const core = { ...definition.core, columns: change(definition.core!.columns as unknown as Row[]) };
    expect(() => compileSignature({ ...definition, core }, 'core')).toThrow(InvalidSignature);
  });

  it('should be refused where the signature has none', () => {
    const { core: _, ...definition } = json<SignatureDefinition>(names[0]!, 'signature.json');
    expect(() => compileSignature(definition, 'core')).toThrow(InvalidSignature);
  });
});
