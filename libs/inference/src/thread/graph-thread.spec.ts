/** @jest-environment ./libs/inference/test/native-arrays-environment.mjs */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ArtifactCorrupt,
  compileSignature,
  GraphThread,
  ModelRunError,
  ModelUnavailable,
  OnnxModel,
  type SignatureDefinition,
} from '../index.js';

interface Reference {
  readonly sha256: string;
  readonly signature: SignatureDefinition;
  readonly rows: Record<string, unknown>[];
}

const folder = join(import.meta.dirname, '..', '..', 'test', 'models');
const read = async () => readFileSync(join(folder, 'churn.onnx'));
const reference = JSON.parse(readFileSync(join(folder, 'churn.json'), 'utf8')) as Reference;

describe('the thread for what takes long', () => {
  const signature = compileSignature(reference.signature);
  const { sha256 } = reference;
  let thread: GraphThread;
  let here: OnnxModel;

  beforeAll(async () => {
    thread = new GraphThread();
    here = await OnnxModel.load(await read(), signature, reference);
  });
  afterAll(() => Promise.all([thread.close(), here.release()]));

  /** A model that lives on the thread alone. */
  async function open(more: { sha256?: string; read?: () => Promise<Buffer> } = {}): Promise<OnnxModel> {
    const bytes = await (more.read ?? read)();
    const probe = { tensors: [], fetches: [] };
    const { session } = await thread.load(bytes, { sha256, probe, read, ...more });
    return new OnnxModel(session, signature, 1);
  }

  it('should answer as the thread that asks, also after it ended', async () => {
    const there = await open();
    const expected = here.predictNow(reference.rows);
    expect(await there.predict(reference.rows)).toEqual(expected);
    await thread.close();
    expect(await there.predict(reference.rows)).toEqual(expected);
    expect(there.isQuick(1)).toBe(false);
    await there.release();
  });

  it('should end in the middle of many runs without taking the process with it', async () => {
    const there = await open();
    const rows = Array.from({ length: 20_000 }, (_, at) => reference.rows[at % reference.rows.length]!);
    const asked = Array.from({ length: 20 }, () => there.predict(rows));
    const ends = Promise.allSettled(asked);
    await Promise.race(asked);
    await thread.close();
    const failed = (await ends).flatMap((end) => (end.status === 'rejected' ? [end.reason as Error] : []));
    for (const error of failed) expect(error).toBeInstanceOf(ModelUnavailable);
    expect(await there.predict(reference.rows)).toEqual(here.predictNow(reference.rows));
    await there.release();
  });

  it('should refuse a file that is not the one, or no graph, and go on', async () => {
    await expect(open({ sha256: 'ab'.repeat(32) })).rejects.toThrow(ArtifactCorrupt);
    const text = async () => Buffer.from('no graph');
    const digest = '3dedef457e43526d4d19c81bef4756864daf4602ab8df76e4e7e71caf0137661';
    await expect(open({ read: text, sha256: digest })).rejects.toThrow(ArtifactCorrupt);
    const there = await open();
    expect(await there.predict(reference.rows)).toEqual(here.predictNow(reference.rows));
    await there.release();
  });

  it('should take requests of many rows, and leave those of few', async () => {
    const off = { thread, mostRows: 1e9, read };
    let model: OnnxModel | undefined;
    // A busy machine may have measured that many rows take no longer than one.
    while (!model || model.isQuick(off.mostRows)) {
      await model?.release();
      model = await OnnxModel.load(await read(), signature, reference, off);
    }
    expect(model.isQuick(1)).toBe(true);
    const firstLong = (isAlone: boolean) => {
      let count = reference.rows.length;
      while (model.isQuick(count, isAlone)) count *= 2;
      return count;
    };
    const count = firstLong(true);
    // Earlier, where others wait for the thread that asks, unless it is the encoding that bounds both.
    expect(firstLong(false)).toBeLessThanOrEqual(count);
    const rows = Array.from({ length: count }, (_, at) => reference.rows[at % reference.rows.length]!);
    expect(await model.predict(rows)).toEqual(here.predictNow(rows));
    expect(model.sizeBytes).toBe(2 * (await read()).length);
    await model.release();
    await expect(model.predict(rows)).rejects.toThrow(ModelRunError);
  });

  it('should answer requests that wait at once as it answers each alone', async () => {
    const [there, other] = await Promise.all([open(), open()]);
    const requests = reference.rows.map((row, at) => [row, ...reference.rows.slice(0, at % 3)]);
    const answers = await Promise.all(requests.flatMap((rows) => [there.predict(rows), other.predict(rows)]));
    expect(answers).toEqual(requests.flatMap((rows) => Array(2).fill(here.predictNow(rows))));
    await Promise.all([there.release(), other.release()]);
  });
});
