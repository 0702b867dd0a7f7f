/** @jest-environment ./libs/inference/test/native-arrays-environment.mjs */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ArtifactCorrupt,
  compileSignature,
  FeatureErrors,
  ModelOutputError,
  OnnxModel,
  SignatureMismatch,
  type Predictions,
  type SignatureDefinition,
} from './index.js';
import { LocalGraph } from './local-graph.js';

interface Reference {
  readonly sha256: string;
  readonly signature: SignatureDefinition;
  readonly rows: Record<string, unknown>[];
  readonly expected: { readonly predictions: (string | number)[]; readonly probabilities?: number[][] };
}

const folder = join(import.meta.dirname, '..', 'test', 'models');

function read(name: string): { bytes: Buffer; reference: Reference } {
  return {
    bytes: readFileSync(join(folder, `${name}.onnx`)),
    reference: JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Reference,
  };
}

async function withModel<T>(
  name: string,
  use: (model: OnnxModel, reference: Reference) => Promise<T>,
): Promise<T> {
  const { bytes, reference } = read(name);
  const model = await OnnxModel.load(bytes, compileSignature(reference.signature), reference);
  try {
    return await use(model, reference);
  } finally {
    await model.release();
  }
}

/** How far apart answers are at most; numbers are compared, everything else has to be equal. */
function largestDifference(actual: readonly unknown[], expected: readonly unknown[]): number {
  expect(actual).toHaveLength(expected.length);
  return Math.max(
    ...actual.flat().map((value, index) => Math.abs((value as number) - (expected.flat()[index] as number))),
  );
}

describe('OnnxModel', () => {
  it.each(['churn', 'three-classes'])('should answer as the Python pipeline: %s', async (name) => {
    await withModel(name, async (model, { rows, expected }) => {
      const { predictions, probabilities, confidences } = await model.predict(rows);

      expect(predictions).toEqual(expected.predictions);
      expect(largestDifference(probabilities!, expected.probabilities!)).toBeLessThan(1e-5);
      expect(confidences).toEqual(probabilities!.map((ofRow) => Math.max(...ofRow)));
    });
  });

  it('should answer as the Python pipeline: a regression', async () => {
    await withModel('prices', async (model, { rows, expected }) => {
      const answer: Predictions = await model.predict(rows);

      const scale = Math.max(...(expected.predictions as number[]));
      expect(largestDifference(answer.predictions, expected.predictions) / scale).toBeLessThan(1e-6);
      expect(answer.probabilities).toBeUndefined();
      expect(answer.confidences).toBeUndefined();
    });
  });

  it.each(['churn', 'three-classes', 'prices'])(
    'should answer requests of one turn in one run, as each alone: %s',
    async (name) => {
      await withModel(name, async (model, { rows }) => {
        const known = rows.filter((row) => model.predictNow([row]).warnings.length === 0);
        const requests = [known.slice(0, 1), known.slice(1, 4), known.slice(4, 5)];
        const alone = requests.map((some) => model.predictNow(some));
        const runs = jest.spyOn(LocalGraph.prototype, 'runNow');
        const together = await Promise.all(requests.map((some) => model.predictGathered(some)));
        expect(runs).toHaveBeenCalledTimes(1);
        runs.mockRestore();
        expect(together.map(({ predictions }) => predictions)).toEqual(
          alone.map(({ predictions }) => predictions),
        );
        for (const [at, { probabilities, confidences }] of together.entries()) {
          expect(probabilities === undefined).toBe(name === 'prices');
          if (!probabilities) continue;
          expect(largestDifference(probabilities, alone[at]!.probabilities!)).toBeLessThan(1e-6);
          expect(confidences).toEqual(probabilities.map((ofRow) => Math.max(...ofRow)));
        }
      });
    },
  );

  it('should give no one the errors and warnings of others of the same turn', async () => {
    await withModel('churn', async (model, { rows }) => {
      const row = rows.find((each) => model.predictNow([each]).warnings.length === 0);
      const text = Object.keys(row!).find((name) => typeof row![name] === 'string')!;
      const requests = [[row], [{}], [{ ...row, [text]: 'never seen' }], [row]];
      const [good, bad, unseen, last] = await Promise.allSettled(
        requests.map((some) => model.predictGathered(some)),
      );
      const alone = model.predictNow([row]);
      expect(good).toEqual({ status: 'fulfilled', value: alone });
      expect(last).toEqual({ status: 'fulfilled', value: alone });
      expect(bad).toMatchObject({ status: 'rejected', reason: expect.any(FeatureErrors) });
      expect(unseen).toMatchObject({ value: { warnings: [expect.stringContaining('never seen')] } });
    });
  });

  it('should still answer what was asked for before it is released', async () => {
    await withModel('churn', async (model, { rows }) => {
      const asked = model.predictGathered(rows.slice(0, 1));
      await model.release();
      expect((await asked).predictions).toHaveLength(1);
      await expect(model.predictGathered(rows.slice(0, 1))).rejects.toThrow('the model has been released');
    });
  });

  it('should answer a row alone as among others', async () => {
    await withModel('churn', async (model, { rows, expected }) => {
      for (const [index, row] of rows.slice(0, 10).entries()) {
        const { predictions, probabilities } = await model.predict([row]);
        expect(predictions).toEqual([expected.predictions[index]]);
        expect(largestDifference(probabilities!, [expected.probabilities![index]!])).toBeLessThan(1e-5);
      }
    });
  });

  it('should score unseen categories and say so', async () => {
    await withModel('churn', async (model, { rows }) => {
      const { warnings } = await model.predict(rows);
      expect(warnings).toEqual([`'city' has the value "Atlantis", which training has not seen (row 0)`]);
    });
  });

  it('should refuse rows before running', async () => {
    await withModel('churn', async (model) => {
      await expect(model.predict([{ plan: 3 }])).rejects.toThrow(FeatureErrors);
    });
  });

  it('should refuse an artifact with one changed byte', async () => {
    const { bytes, reference } = read('churn');
    bytes[200]! ^= 1;
    const loading = OnnxModel.load(bytes, compileSignature(reference.signature), reference);
    await expect(loading).rejects.toThrow(ArtifactCorrupt);
  });

  it('should refuse bytes that are no graph', async () => {
    const bytes = Buffer.from('not a graph');
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const signature = compileSignature(read('churn').reference.signature);
    await expect(OnnxModel.load(bytes, signature, { sha256 })).rejects.toThrow(ArtifactCorrupt);
  });

  it.each<[string, (signature: SignatureDefinition) => unknown, RegExp]>([
    [
      'a tensor that the graph does not have',
      ({ inputs, ...rest }) => ({ ...rest, inputs: [...inputs, { ...inputs[0], name: 'x', tensor: 'x' }] }),
      /input 'x' for the feature 'x' does not exist/,
    ],
    [
      'a graph input that is not fed',
      ({ inputs, ...rest }) => ({ ...rest, inputs: inputs.slice(1) }),
      /input 'total_orders', which the signature does not feed/,
    ],
    [
      'another type of input',
      ({ inputs, ...rest }) => ({
        ...rest,
        inputs: inputs.map((input) => ({ ...input, type: 'string', dtype: 'string' })),
      }),
      /input 'total_orders' for the feature 'total_orders' has the type float32 instead of string/,
    ],
    [
      'an output that the graph does not have',
      (signature) => ({ ...signature, output: { type: 'regression', value_tensor: 'y' } }),
      /output 'y' does not exist/,
    ],
    [
      'another type of output',
      (signature) => ({ ...signature, output: { ...signature.output, label_tensor: 'probabilities' } }),
      /output 'probabilities' has the type float32 instead of int64/,
    ],
    [
      'another number of classes',
      (signature) => ({ ...signature, output: { ...signature.output, labels: ['a', 'b', 'c'] } }),
      /output 'probabilities' is 2 wide instead of 3/,
    ],
  ])('should refuse a signature with %s', async (_, change, message) => {
    const { bytes, reference } = read('churn');
    const loading = OnnxModel.load(bytes, compileSignature(change(reference.signature)), reference);
    await expect(loading).rejects.toThrow(SignatureMismatch);
    await expect(loading).rejects.toThrow(message);
  });

  it.each([
    ['infinity', { a: 1, b: 0 }],
    ['NaN', { a: 0, b: 0 }],
  ])('should refuse to answer %s', async (_, row) => {
    await withModel('ratio', async (model) => {
      await expect(model.predict([{ a: 1, b: 1 }, row])).rejects.toThrow(ModelOutputError);
      await expect(model.predict([row])).rejects.toMatchObject({ code: 'MODEL_OUTPUT_INVALID' });
    });
  });

  it('should end what it has begun before it is released', async () => {
    const { bytes, reference } = read('churn');
    const model = await OnnxModel.load(bytes, compileSignature(reference.signature), reference);
    const predicting = model.predict(reference.rows);
    await Promise.all([model.release(), model.release()]);
    expect((await predicting).predictions).toEqual(reference.expected.predictions);
    await expect(model.predict(reference.rows)).rejects.toMatchObject({ code: 'MODEL_RUN_FAILED' });
  });

  it('should know its size', async () => {
    await withModel('churn', async (model) => {
      expect(model.sizeBytes).toBe(read('churn').bytes.length);
    });
  });
});
