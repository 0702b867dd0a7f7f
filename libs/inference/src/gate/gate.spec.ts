/** @jest-environment ./libs/inference/test/native-arrays-environment.mjs */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { Tensor } from 'onnxruntime-node';
import {
  completeSignature,
  GraphRefused,
  ModelHosts,
  OnnxModel,
  compileSignature,
  type SignatureDefinition,
  type SignatureDescription,
  SignatureIncomplete,
  scanGraph,
} from '../index.js';
import { LocalGraph } from '../local-graph.js';

interface Reference {
  readonly rows: number[][];
  readonly predictions: (string | number)[];
  readonly classes?: (string | number)[];
  readonly probabilities?: number[][];
}

const folder = mkdtempSync(join(tmpdir(), 'gate-'));
const read = (...path: string[]) => readFileSync(join(folder, ...path));
const named = (kind: string) =>
  readdirSync(join(folder, kind))
    .filter((file) => file.endsWith('.onnx'))
    .map((file) => file.slice(0, -'.onnx'.length));
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

const TWO = { features: [{ name: 'a' }, { name: 'b' }] };
const ABC = { ...TWO, labels: ['x', 'y', 'z'] };

describe('the gate', () => {
  let hosts: ModelHosts;

  beforeAll(() => {
    execFileSync(
      process.env.MODELPLANE_PYTHON!,
      [resolve(import.meta.dirname, '../../test/gate-files.py'), folder],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    hosts = new ModelHosts({
      places: { take: async () => () => undefined, becameIdle: () => undefined },
      launcher: Promise.resolve([]),
      memoryBytes: 2 ** 31,
      loadTimeoutMs: 60_000,
      runTimeoutMs: 60_000,
      idleMs: 60_000,
      onFailure: () => undefined,
    });
  }, 300_000);

  afterAll(async () => {
    await hosts?.close();
    rmSync(folder, { recursive: true });
  });

  const examine = (
    bytes: Buffer,
    type: 'classification' | 'regression',
    description: SignatureDescription,
    example?: Record<string, unknown>,
  ): Promise<SignatureDefinition> =>
    hosts.examine(
      'acme',
      { sha256: digest(bytes), sizeBytes: bytes.length, open: async () => Readable.from([bytes]) },
      (graph) => completeSignature(graph, type, description),
      example,
    );

  /** Why a file of made-up scores is not taken; an empty text where it is. */
  const refusal = async (name: string, description: SignatureDescription): Promise<string> => {
    try {
      await examine(read('lying', `${name}.onnx`), 'classification', description);
      return '';
    } catch (error) {
      if (!(error instanceof GraphRefused || error instanceof SignatureIncomplete)) throw error;
      return error.message;
    }
  };

  /** What the scan says of damaged trees and support vector machines; one that is not here is refused all the same. */
  const REASONS: Readonly<Record<string, RegExp>> = {
    'short-nodes_modes': /5 nodes_modes and 6 nodes_treeids/,
    'short-weights': /2 target_weights and 4 target_ids/,
    'negative-feature': /negative feature -1 in nodes_featureids/,
    'feature-beyond-the-input': /reads 3 columns of the input "x", which has 2/,
    'child-beyond-the-tree': /the child 5 of node 1 in tree 0/,
    'negative-child': /the child -1 of node 0/,
    'child-is-its-parent': /cycle/,
    'cycle-apart-from-the-root': /cycle/,
    'target-beyond': /1 in target_ids, and 1 targets/,
    'class-beyond': /2 in class_ids, and 2 classes/,
    'base-values': /2 base_values for 1 targets/,
    'no-targets': /0 n_targets/,
    'huge-targets': /2147483647 n_targets; 1 to 10000 are taken/,
    'weight-twice': /two weights of a leaf for the same target/,
    'class-weight-twice': /two weights of a leaf for the same class/,
    'silent-leaf': /a leaf without a weight, and takes the least or the largest/,
    'silent-leaf-of-a-value': /a leaf without a weight, and 7 for it in nodes_values/,
    orphan: /the node 4 of tree 0, to which no other leads/,
    'ensemble-cycle': /cycle/,
    'ensemble-leaf-beyond': /the leaf 2 in nodes_falsenodeids, and 2 leaves/,
    'ensemble-no-members': /0 sets in membership_values for 1 nodes/,
    'svm-more-vectors': /2 coefficients instead of 1000001/,
    'svm-one-kernel-parameter': /1 kernel_params instead of 3/,
    'svm-wide-vectors': /reads 3 columns of the input "x", which has 2/,
  };

  it('should refuse trees and support vector machines whose attributes do not fit each other', () => {
    const outcomes = named('broken').map((name) => {
      try {
        scanGraph(read('broken', `${name}.onnx`));
        return [name, ''] as const;
      } catch (error) {
        expect(error).toBeInstanceOf(GraphRefused);
        return [name, (error as Error).message] as const;
      }
    });
    expect(outcomes.length).toBeGreaterThan(80);
    for (const [name, message] of outcomes) {
      if (name.startsWith('sound-')) expect([name, message]).toEqual([name, '']);
      else expect([name, message]).toEqual([name, expect.stringMatching(REASONS[name] ?? /^the operator /)]);
    }
  });

  it('should refuse random faults in trees, or have the runtime answer as the standard says', () => {
    const trees = join(folder, 'trees');
    mkdirSync(trees);
    const script = resolve(import.meta.dirname, '../../test/random-trees.py');
    execFileSync(process.env.MODELPLANE_PYTHON!, ['-W', 'ignore', script, trees, '400', '1']);
    const { rows, answers } = JSON.parse(String(read('trees', 'answers.json')));
    const outcomes = { refused: 0, answered: 0 };
    for (const name of named('trees')) {
      const bytes = read('trees', `${name}.onnx`);
      let graph: LocalGraph;
      try {
        scanGraph(bytes);
        graph = new LocalGraph(bytes);
      } catch {
        outcomes.refused++;
        continue;
      }
      const fed = new Tensor('float32', Float32Array.from(rows.flat()), [rows.length, 3]);
      const y = Array.from(graph.runNow({ x: fed }, ['y']).y!.data as Float32Array);
      // The trial refuses a model of several targets.
      if (y.length !== rows.length) continue;
      expect([name, answers[name]]).toEqual([name, expect.any(Array)]);
      for (const [row, expected] of answers[name].entries())
        if (expected !== null)
          expect([name, (y[row]! - expected) / (1 + Math.abs(expected))]).toEqual([
            name,
            expect.closeTo(0, 5),
          ]);
      outcomes.answered++;
    }
    expect(outcomes.refused).toBeGreaterThan(100);
    expect(outcomes.answered).toBeGreaterThan(100);
  });

  it('should only let in what the runtime loads and runs', () => {
    const taken = named('broken').filter((name) => name.startsWith('sound-'));
    for (const name of taken) expect(() => new LocalGraph(read('broken', `${name}.onnx`))).not.toThrow();
  });

  it('should know the columns that a model reads where its input does not say how many there are', () => {
    const signatureOf = (name: string, ...names: string[]) =>
      completeSignature(scanGraph(read('lying', `${name}.onnx`)), 'regression', {
        features: names.map((each) => ({ name: each })),
      });
    expect(() => signatureOf('tree-of-unknown-width', 'a', 'b', 'c')).toThrow(
      /reads 4 columns of the input "x", and 3 features/,
    );
    expect(signatureOf('tree-of-unknown-width', 'a', 'b', 'c', 'd', 'e').inputs).toHaveLength(5);
    expect(() => signatureOf('svm-of-unknown-width', 'a', 'b', 'c')).toThrow(
      /takes 2 columns, and 3 features/,
    );
  });

  it.each([
    ['opset-27', 'opset-26', /opset 27 of ai\.onnx, and the highest one taken is 26/],
    ['ml-6', 'ml-5', /opset 6 of ai\.onnx\.ml, and the highest one taken is 5/],
    ['ir-14', 'ir-13', /IR version 14, and the highest one taken is 13/],
  ])('should name a version that is too new, as the runtime takes them: %s', (next, highest, message) => {
    expect(() => scanGraph(read('versions', `${next}.onnx`))).toThrow(message);
    expect(() => new LocalGraph(read('versions', `${next}.onnx`))).toThrow();
    scanGraph(read('versions', `${highest}.onnx`));
    expect(() => new LocalGraph(read('versions', `${highest}.onnx`))).not.toThrow();
  });

  it('should say how to get rid of maps, and take the file without them', () => {
    expect(() => scanGraph(read('maps', 'zipped.onnx'))).toThrow(
      /"ZipMap".*options=\{'zipmap': False\}.*convert_lightgbm .*zipmap=False; CatBoost .*onnx\.utils\.extract_model/,
    );
    const [label] = scanGraph(read('maps', 'cut.onnx')).outputs;
    expect(label!.classes).toEqual([0, 1]);
  });

  it('should take what scikit-learn, LightGBM and XGBoost export, and have it answer as they do', async () => {
    const names = named('real').filter((name) => name !== 'svc');
    expect(names.length).toBeGreaterThan(25);
    for (const name of names) {
      const bytes = read('real', `${name}.onnx`);
      const { rows, predictions, classes, probabilities } = JSON.parse(
        String(read('real', `${name}.json`)),
      ) as Reference;
      const features = ['a', 'b', 'c', 'd'].map((each) => ({ name: each }));
      const description = { features, ...(classes && { labels: classes }) };
      const definition = await examine(bytes, classes ? 'classification' : 'regression', description);
      const model = await OnnxModel.load(bytes, compileSignature(definition), { sha256: digest(bytes) });
      const answers = await model.predict(rows.map(([a, b, c, d]) => ({ a, b, c, d })));
      await model.release();
      if (classes) expect([name, answers.predictions]).toEqual([name, predictions]);
      const numbers = probabilities ? answers.probabilities!.flat() : (answers.predictions as number[]);
      for (const [at, expected] of (probabilities?.flat() ?? (predictions as number[])).entries())
        expect(numbers[at]).toBeCloseTo(expected, 4);
    }
  }, 300_000);

  it('should take the classes from a classifier whose label the graph answers, and from no other node', async () => {
    const labelsOf = (name: string, description: SignatureDescription = {}) => {
      const features = ['a', 'b', 'c', 'd'].map((each) => ({ name: each }));
      const graph = scanGraph(read('real', `${name}.onnx`));
      const { output } = completeSignature(graph, 'classification', { features, ...description });
      return output.type === 'classification' && output.labels;
    };
    expect(labelsOf('forest-3')).toEqual(['a', 'b', 'c']);
    expect(labelsOf('scaled-1-to-3')).toEqual([1, 2, 3]);
    expect(labelsOf('lightgbm-3')).toEqual([0, 1, 2]);
    expect(labelsOf('svc', { label_tensor: null })).toEqual(['a', 'b', 'c']);
    for (const name of ['one-vs-rest', 'calibrated', 'stacking', 'bagging', 'ada-boost'])
      expect(() => labelsOf(name)).toThrow('name the classes');
    expect(() => labelsOf('stacking', { label_tensor: null })).toThrow('name the classes');
    expect(await refusal('inner-classes', TWO)).toMatch('name the classes');
    expect(await refusal('inner-classes', { ...TWO, labels: ['p', 'q'] })).toBe('');
  });

  it.each<[string, string, SignatureDescription, RegExp]>([
    [
      'logits',
      'logits',
      ABC,
      /'scores' says the probabilities \[.*, not all of them within 0 to 1: .*"logits"/,
    ],
    ['logarithms of probabilities', 'log-softmax', ABC, /not all of them within 0 to 1/],
    ['sigmoids of several classes', 'sigmoids', ABC, /sum to .* and not to 1: end the graph with Softmax/],
    ['percentages', 'percent', ABC, /not all of them within 0 to 1/],
    ['one logit', 'one-logit', { ...TWO, labels: ['n', 'y'] }, /not all of them within 0 to 1/],
    ['logits of large values alone', 'large-only', ABC, /asked for \{"a": .*, "b": .*\}, .*not all of them/],
    ['labels in another order', 'from-0', { ...TWO, labels: [1, 0, 2] }, /'label' is \d, of probability/],
    ['an index that counts from 1', 'from-1', ABC, /'label' is/],
    ['an index that counts from 1, as told', 'from-1', { ...ABC, label_encoding: 'index' }, /'label' is/],
    ['a label that is an index', 'from-0', { ...TWO, labels: [1, 2, 3] }, /'label' is/],
    ['a label alone that may be an index', 'from-0-alone', ABC, /say whether the integers/],
    [
      'a label alone that counts from 1',
      'from-1-alone',
      { ...ABC, label_encoding: 'index' },
      /'label' is 3, no index from 0 to 2: .*counts from 1/,
    ],
    [
      'a label alone that is no label',
      'from-0-alone',
      { ...TWO, labels: [1, 2, 3], label_encoding: 'value' },
      /'label' is 0, none of its 3 labels/,
    ],
    [
      'probabilities as logits',
      'softmax',
      { ...ABC, probabilities: 'logits' },
      /probabilities and no logits/,
    ],
  ])('should refuse %s', async (_, name, description, message) => {
    expect(await refusal(name, description)).toMatch(message);
  });

  it.each<[string, string, SignatureDescription]>([
    ['logits that are told', 'logits', { ...ABC, probabilities: 'logits' }],
    ['logarithms of probabilities that are told', 'log-softmax', { ...ABC, probabilities: 'logits' }],
    ['one logit that is told', 'one-logit', { ...TWO, labels: ['n', 'y'], probabilities: 'logits' }],
    ['one probability', 'one-sigmoid', { ...TWO, labels: ['n', 'y'] }],
    ['an index that counts from 0', 'from-0', ABC],
    ['labels from 0', 'from-0', { ...TWO, labels: [0, 1, 2] }],
    ['labels from 1', 'from-1', { ...TWO, labels: [1, 2, 3] }],
    ['probabilities beside a label that is not read', 'from-1', { ...ABC, label_tensor: null }],
    [
      'a label beside probabilities that are not read',
      'from-0',
      { ...ABC, label_encoding: 'index', probabilities_tensor: null },
    ],
    ['an index alone', 'from-0-alone', { ...ABC, label_encoding: 'index' }],
    ['labels alone', 'from-1-alone', { ...TWO, labels: [1, 2, 3], label_encoding: 'value' }],
  ])('should take %s', async (_, name, description) => {
    expect(await refusal(name, description)).toBe('');
  });

  it('should refuse labels that the classifier does not answer', () => {
    const complete = (name: string, description: SignatureDescription) => () =>
      completeSignature(scanGraph(read('real', `${name}.onnx`)), 'classification', {
        features: ['a', 'b', 'c', 'd'].map((each) => ({ name: each })),
        ...description,
      });
    const labels = ['one', 'two', 'three'];
    expect(complete('forest-1-to-3', { labels })).toThrow(
      /answers "1", "2", "3", which are neither the labels nor/,
    );
    expect(complete('forest-1-to-3', { labels, label_encoding: 'index' })).toThrow(/no indexes from 0 to 2/);
    expect(complete('forest-3', { labels })).toThrow(/answers "a", "b", "c"/);
    expect(complete('forest-1-to-3', { labels, label_tensor: null })).not.toThrow();
    expect(complete('lightgbm-3', { labels })).not.toThrow();
  });

  it('should refuse a label that is not the most probable class, as that of SVC, unless it is not read', async () => {
    const bytes = read('real', 'svc.onnx');
    const features = ['a', 'b', 'c', 'd'].map((each) => ({ name: each }));
    await expect(examine(bytes, 'classification', { features })).rejects.toThrow(
      /'label' is "[abc]", of probability .*: .*"label_tensor": null/,
    );
    await examine(bytes, 'classification', { features, label_tensor: null });
  });
});
