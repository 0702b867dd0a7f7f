/** @jest-environment ./libs/inference/test/native-arrays-environment.mjs */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  compileSignature,
  GraphThread,
  ModelRunError,
  OnnxModel,
  type SignatureDefinition,
} from '../index.js';

interface Reference {
  readonly sha256: string;
  readonly signature: SignatureDefinition;
  readonly rows: Record<string, unknown>[];
}

const folder = join(import.meta.dirname, '..', '..', 'test', 'models');
const bytes = readFileSync(join(folder, 'churn.onnx'));
const reference = JSON.parse(readFileSync(join(folder, 'churn.json'), 'utf8')) as Reference;

describe('the thread for long runs', () => {
  const signature = compileSignature(reference.signature);
  let thread: GraphThread;
  let here: OnnxModel;

  beforeAll(async () => {
    thread = new GraphThread();
    here = await OnnxModel.load(bytes, signature, reference);
  });
  afterAll(() => Promise.all([thread.close(), here.release()]));

  it('should answer as the thread that asks, also after it ended', async () => {
    const there = new OnnxModel(thread.open(bytes), signature, bytes.length);
    const expected = here.predictNow(reference.rows);
    expect(await there.predict(reference.rows)).toEqual(expected);
    await thread.close();
    expect(await there.predict(reference.rows)).toEqual(expected);
    expect(there.isQuick(1)).toBe(false);
    await there.release();
  });

  it('should say that a graph cannot be loaded, and go on', async () => {
    const broken = new OnnxModel(thread.open(Buffer.from('no graph')), signature, 8);
    await expect(broken.predict(reference.rows)).rejects.toThrow(ModelRunError);
    const there = new OnnxModel(thread.open(bytes), signature, bytes.length);
    expect(await there.predict(reference.rows)).toEqual(here.predictNow(reference.rows));
  });

  it('should take requests of many rows, and leave those of few', async () => {
    const model = await OnnxModel.load(bytes, signature, { ...reference, thread, mostRows: 1e9 });
    expect(model.isQuick(1)).toBe(true);
    let count = reference.rows.length;
    while (model.isQuick(count)) count *= 2;
    const rows = Array.from({ length: count }, (_, at) => reference.rows[at % reference.rows.length]!);
    expect(await model.predict(rows)).toEqual(here.predictNow(rows));
    expect(model.sizeBytes).toBe(2 * bytes.length);
    await model.release();
    await expect(model.predict(rows)).rejects.toThrow(ModelRunError);
  });
});
