import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { trainedCores } from '../../test/trained-cores.js';
import { type Answers, indexOfLargest } from '../answers.js';
import { combineAnswers, type CombiningMethod, reorderClasses } from '../ensembles/combine.js';
import { fitMember, rowsOf } from '../ensembles/member-fit.js';
import { unionSignature } from '../ensembles/union-signature.js';
import { fieldsOf, textOf } from '../gate/wire-reader.js';
import { compileSignature, type Label, OnnxModel, scanGraph, type SignatureDefinition } from '../index.js';
import {
  type ComposableEnsemble,
  type ComposableFile,
  type ComposableModel,
  composeGraph,
} from './ensemble-graph.js';
import { tensorsOf } from '../signature-definition.js';
import { NotComposable } from './graph-writer.js';

type Row = Record<string, unknown>;
type Combination = ComposableEnsemble['ensemble'];

let folder: string;

const read = <T>(name: string, file: string): T =>
  JSON.parse(readFileSync(join(folder, name, file), 'utf8')) as T;

/** A model that trained-cores.py has made. */
function trained(name: string): ComposableFile {
  const signature = read<SignatureDefinition>(name, 'signature.json');
  return { name, signature, threshold: null, graph: readFileSync(join(folder, name, 'model.onnx')) };
}

function ensemble(
  models: readonly ComposableModel[],
  more: Partial<Combination> = {},
  threshold: number | null = null,
): ComposableEnsemble {
  const signature = unionSignature(models.map((model) => model.signature));
  const members = models.map((model, at) => ({ model, weight: 0.4 * 1.37 ** at }));
  const method = signature.output.type === 'regression' ? 'averaging' : 'voting_soft';
  const combination = { method, strategy: 'all', threshold: null, min_models_required: 1, members } as const;
  return { name: 'the ensemble', signature, threshold, ensemble: { ...combination, ...more } };
}

/** What the metadata of a file says of its own signature. */
function signatureOf(bytes: Uint8Array): SignatureDefinition {
  for (const { number, start, end } of fieldsOf(bytes)) {
    if (number !== 14) continue;
    const [key, value] = [...fieldsOf(bytes, start, end)].map((field) => textOf(bytes, field));
    if (key === 'modelplane.signature') return JSON.parse(value!) as SignatureDefinition;
  }
  throw new Error('the file says nothing of its signature');
}

/** What the one graph answers. */
async function composed(model: ComposableEnsemble, rows: readonly Row[]): Promise<Answers> {
  const bytes = Buffer.concat([...composeGraph(model).chunks()]);
  // An export can be uploaded again.
  scanGraph(bytes);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const opened = await OnnxModel.load(bytes, compileSignature(signatureOf(bytes)), { sha256 });
  try {
    return await opened.predict(rows);
  } finally {
    await opened.release();
  }
}

/** What servers answer: by the core of each member, combined. */
async function served(model: ComposableModel, rows: readonly Row[]): Promise<Answers> {
  return model.ensemble ? servedEnsemble(model, rows) : servedFile(model, rows);
}

async function servedFile(
  { name, signature, threshold }: ComposableFile,
  rows: readonly Row[],
): Promise<Answers> {
  const bytes = readFileSync(join(folder, name, 'core.onnx'));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const opened = await OnnxModel.load(bytes, compileSignature(signature, 'core'), { sha256 });
  try {
    return decided(await opened.predict(rows), signature, threshold);
  } finally {
    await opened.release();
  }
}

async function servedEnsemble(model: ComposableEnsemble, rows: readonly Row[]): Promise<Answers> {
  const { signature, ensemble: combination, threshold } = model;
  const labels = signature.output.type === 'classification' ? signature.output.labels : [];
  const answers: Answers[] = [];
  for (const member of combination.members) {
    const fit = fitMember(member.model.signature, signature, combination.method);
    if (typeof fit === 'string') throw new Error(fit);
    answers.push(reorderClasses(await served(member.model, rowsOf(fit, rows) as Row[]), fit.order));
  }
  const mean = (count: number) => {
    const weights = combination.members.slice(0, count).map(({ weight }) => weight);
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const shares = weights.map((weight) => weight / sum);
    return combineAnswers(combination, labels, answers.slice(0, count), shares);
  };
  if (combination.strategy === 'all') return decided(mean(answers.length), signature, threshold);
  const means = answers.map((_, at) => mean(at + 1));
  const probabilities = rows.map((_, row) => {
    const enough = (found: Answers, at: number) =>
      at + 1 >= combination.min_models_required && found.confidences![row]! >= combination.threshold!;
    return (means.find(enough) ?? means.at(-1)!).probabilities![row]!;
  });
  const predictions = probabilities.map((ofRow) => labels[indexOfLargest(ofRow)]!);
  return decided({ predictions, probabilities }, signature, threshold);
}

function decided(answers: Answers, { output }: SignatureDefinition, threshold: number | null): Answers {
  if (threshold === null || output.type === 'regression') return answers;
  const predictions = answers.probabilities!.map((ofRow) => output.labels[ofRow[1]! >= threshold ? 1 : 0]!);
  return { ...answers, predictions };
}

async function expectSame(model: ComposableEnsemble, rows: readonly Row[]): Promise<Label[]> {
  const [actual, expected] = [await composed(model, rows), await served(model, rows)];
  if (model.signature.output.type === 'regression') {
    expected.predictions.forEach((value, row) => {
      const scale = Math.max(1, Math.abs(Number(value)));
      expect(Math.abs(Number(actual.predictions[row]) - Number(value)) / scale).toBeLessThan(1e-9);
    });
    return actual.predictions;
  }
  expect(actual.predictions).toEqual(expected.predictions);
  expected.probabilities!.forEach((ofRow, row) =>
    ofRow.forEach((value, label) => expect(actual.probabilities![row]![label]).toBeCloseTo(value, 9)),
  );
  return actual.predictions;
}

describe('an ensemble as one graph', () => {
  let names: string[];
  /** Rows of the table `mixture`, also with values that training has not seen. */
  let rows: Row[];

  beforeAll(async () => {
    folder = await trainedCores();
    names = readdirSync(folder);
    rows = read<Row[]>('ridge mixture value', 'rows.json').slice(250, 350);
    rows[0] = { ...rows[0], city: 'Atlantis' };
  }, 300_000);

  it('should answer as servers do, whatever the estimators of its members', async () => {
    for (const table of ['numbers', 'texts', 'mixture', 'one text']) {
      for (const target of ['two classes', 'three classes', 'value']) {
        const members = names.filter((name) => new RegExp(` ${table} ${target}`).test(name));
        if (members.length === 0) continue;
        const given = read<Row[]>(members[0]!, 'rows.json').slice(280, 320);
        await expectSame(ensemble(members.map((name) => trained(name))), given);
      }
    }
  }, 300_000);

  type Three = [ComposableFile, ComposableFile, ComposableFile];
  const twoClasses = (): Three => [
    trained('logistic_regression mixture two classes'),
    trained('random_forest mixture two classes'),
    trained('lightgbm mixture two classes'),
  ];
  const threeClasses = (): Three => [
    trained('logistic_regression mixture three classes'),
    trained('random_forest mixture three classes'),
    trained('xgboost mixture three classes'),
  ];
  const values = (): [ComposableFile, ComposableFile] => [
    trained('ridge mixture value'),
    trained('xgboost mixture value'),
  ];
  const classesOf = ({ signature: { output } }: ComposableModel) =>
    output.type === 'classification' ? output.labels : [];

  it.each<CombiningMethod>(['voting_soft', 'voting_hard'])(
    'should match classes by what they are: %s',
    async (method) => {
      const [first, second, third] = threeClasses();
      const labels = [...classesOf(second)].reverse();
      const output = { ...second.signature.output, labels } as SignatureDefinition['output'];
      const other = { ...second, signature: { ...second.signature, output } };
      const predictions = await expectSame(ensemble([first, other, third], { method }), rows);
      expect(new Set(predictions).size).toBe(3);
    },
  );

  it.each([1, 2])('should ask as a cascade does, at least %i of the members', async (min_models_required) => {
    const cascade = { strategy: 'cascade', threshold: 0.8, min_models_required } as const;
    await expectSame(ensemble(threeClasses(), cascade), rows);
    await expectSame(ensemble(twoClasses(), { ...cascade, threshold: 0.95 }, 0.3), rows);
  });

  it('should follow the thresholds of the version and of its members', async () => {
    const [first, second, third] = twoClasses();
    const members = [{ ...first, threshold: 0.2 }, { ...second, threshold: 0.9 }, third];
    await expectSame(ensemble(members, { method: 'voting_hard' }), rows);
    await expectSame(ensemble(members, {}, 0.25), rows);
    await expectSame(ensemble(members, { method: 'voting_hard' }, 0.6), rows);
  });

  it('should ask the meta model of a stacking', async () => {
    const numbers = (length: number, seed: number) =>
      Array.from({ length }, (_, at) => ((at * 7 + seed) % 5) - 1.5);
    const stacking = (outputs: number, width: number) => {
      const coefficients = Array.from({ length: outputs }, (_, output) => numbers(width, output));
      return { method: 'stacking', meta: { coefficients, intercepts: numbers(outputs, 3) } } as const;
    };
    await expectSame(ensemble(twoClasses(), stacking(1, 3)), rows);
    expect(new Set(await expectSame(ensemble(threeClasses(), stacking(3, 9)), rows)).size).toBeGreaterThan(1);
    await expectSame(ensemble(values(), stacking(1, 2)), rows);
    const inner = ensemble(twoClasses(), stacking(1, 3), 0.3);
    await expectSame(ensemble([inner, twoClasses()[0]], { method: 'voting_hard' }), rows);
  });

  it('should hold ensembles within it', async () => {
    const [first, second, third] = twoClasses();
    const inner = ensemble([second, third], { method: 'voting_hard' }, 0.7);
    await expectSame(ensemble([first, inner]), rows);
    await expectSame(ensemble([inner, first], { method: 'voting_hard' }), rows);
  });

  it('should take each feature once, and change it for each member as a server does', async () => {
    const [first, second] = values();
    const inputs = (file: ComposableFile, changes: Record<string, object>) => ({
      ...file.signature,
      inputs: file.signature.inputs.map((input) => ({ ...input, ...changes[input.name] })),
    });
    const shifted = inputs(first, {
      constructor: { offset: 1_600_000_000.25 },
      city: { reading: { missing: ['Köln', 'Aachen'] } },
    });
    const output = { ...second.signature.output, offset: 1e6 } as SignatureDefinition['output'];
    const other = inputs(second, { city: { reading: { missing: ['東京'] } }, whole: { offset: 3 } });
    const model = ensemble([
      { ...first, signature: shifted },
      { ...second, signature: { ...other, output } },
    ]);
    const far = rows.map((row) => ({ ...row, constructor: Number(row.constructor) + 1_600_000_000.25 }));
    await expectSame(model, far);
    const { inputs: taken } = scanGraph(Buffer.concat([...composeGraph(model).chunks()]));
    expect(taken.map(({ name }) => name)).toEqual(model.signature.inputs.flatMap(tensorsOf));
    expect(taken.map(({ type }) => type).filter((type) => type === 'float64')).toHaveLength(2);
  });

  it('should be the same bytes of the same members', () => {
    const bytes = () => Buffer.concat([...composeGraph(ensemble(values())).chunks()]);
    expect(bytes().equals(bytes())).toBe(true);
  });

  it.each<[string, (file: ComposableFile) => Partial<ComposableFile>, RegExp]>([
    [
      'that takes what no feature feeds',
      ({ signature }) => ({ signature: { ...signature, inputs: signature.inputs.slice(1) } }),
      /the graph of its member xgboost mixture value takes the input 'f0_constructor'/,
    ],
    [
      'of operators of another version',
      // The domain and version of an OperatorSetIdProto: ai.onnx.ml in version 3.
      ({ graph }) => ({
        graph: replaced(
          graph,
          Buffer.from('\x0a\x0aai.onnx.ml\x10\x03', 'latin1'),
          'ai.onnx.ml',
          'ai.onnx.mx',
        ),
      }),
      /written in version 3 of the operators of ai.onnx.mx/,
    ],
    [
      'with an operator that no upload may have',
      // The type of a node in a NodeProto.
      ({ graph }) => ({
        graph: replaced(graph, Buffer.from('\x22\x06Concat', 'latin1'), 'Concat', 'ZipMap'),
      }),
      /cannot be a part of another: the operator "ZipMap"/,
    ],
  ])('should refuse a member %s', (_, change, message) => {
    const [first, second] = values();
    const model = ensemble([first, second]);
    const changed = { ...second, ...change(second) };
    const [kept] = model.ensemble.members;
    const members = [kept!, { weight: 1, model: changed }];
    const compose = () => composeGraph({ ...model, ensemble: { ...model.ensemble, members } });
    expect(compose).toThrow(NotComposable);
    expect(compose).toThrow(message);
  });

  it('should refuse a member that does not fit, and a method that has no graph', () => {
    const [first] = values();
    const { signature } = ensemble([first, trained('ridge numbers value')]);
    const narrow = { ...signature, inputs: signature.inputs.slice(1) };
    expect(() => composeGraph({ ...ensemble([first, first]), signature: narrow })).toThrow(
      /its member ridge mixture value needs the feature 'constructor'/,
    );
    const method = 'median' as CombiningMethod;
    expect(() => composeGraph(ensemble([first, first], { method }))).toThrow(
      /the method median has no graph/,
    );
  });
});

/** The graph with one text in place of another of the same length, where `around` is found. */
function replaced(graph: Uint8Array, around: Buffer, before: string, after: string): Uint8Array {
  const changed = Buffer.from(graph);
  const at = changed.indexOf(around);
  if (at < 0) throw new Error(`the graph has no ${before}`);
  changed.write(after, at + around.indexOf(before), 'latin1');
  return changed;
}
