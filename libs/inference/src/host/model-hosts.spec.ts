/** @jest-environment ./libs/inference/test/native-arrays-environment.mjs */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { ModelHosts, ModelUnavailable, type OnnxModel, type PlaceHolder } from '../index.js';

const models = resolve(import.meta.dirname, '../../test/models');
const bytes = readFileSync(resolve(models, 'ratio.onnx'));
const { signature } = JSON.parse(readFileSync(resolve(models, 'ratio.json'), 'utf8'));
const FILE = {
  sha256: createHash('sha256').update(bytes).digest('hex'),
  sizeBytes: bytes.length,
  open: async () => Readable.from([bytes]),
};
const ROW = { a: 6, b: 3 };

describe('processes of uploaded models', () => {
  let hosts: ModelHosts;
  let model: OnnxModel;
  /** Who holds places, in the order in which they were taken. */
  let holders: { owner: string; holder: PlaceHolder }[];
  let returned: number;
  let idle: number;
  let refusals: Error[];

  beforeEach(() => {
    [holders, returned, idle, refusals] = [[], 0, 0, []];
    hosts = new ModelHosts({
      places: {
        take: async (owner, holder) => {
          const refusal = refusals.pop();
          if (refusal) throw refusal;
          holders.push({ owner, holder });
          return () => returned++;
        },
        becameIdle: () => idle++,
      },
      launcher: Promise.resolve([]),
      memoryBytes: 2 ** 31,
      loadTimeoutMs: 60_000,
      runTimeoutMs: 60_000,
      idleMs: 60_000,
      onFailure: () => undefined,
    });
    model = hosts.open('acme', FILE, signature);
  });
  afterEach(() => hosts.close());

  const ask = async () => (await model.predict([ROW])).predictions[0];
  const isAlive = (pid: number) => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((done) => setTimeout(done, 10));
  }

  it('should share one place of their owner, and say when they have nothing to do', async () => {
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([2, 2, 2]);
    expect(holders.map(({ owner }) => owner)).toEqual(['acme']);
    expect([holders[0]!.holder.pending, idle, returned]).toEqual([0, 1, 0]);
  });

  it('should answer what they were asked before they give way, and be replaced for what comes then', async () => {
    await ask();
    const [before] = hosts.processIds as [number];
    const asked = [ask(), ask()];
    holders[0]!.holder.giveWay!();
    const next = ask();
    expect(await Promise.all([...asked, next])).toEqual([2, 2, 2]);
    await until(() => returned === 1 && !isAlive(before));
    expect(holders).toHaveLength(2);
    expect(hosts.processIds).not.toContain(before);
  });

  it('should answer who waits for their start before they give way', async () => {
    const asked = [ask(), ask()];
    holders[0]!.holder.giveWay!();
    expect(await Promise.all(asked)).toEqual([2, 2]);
    await until(() => returned === 1);
    expect(hosts.processIds).toEqual([]);
  });

  it('should end at once where they are idle, and where their model is released', async () => {
    await ask();
    holders[0]!.holder.giveWay!();
    await until(() => returned === 1);
    await ask();
    await model.release();
    await until(() => returned === 2);
  });

  it('should give the place of a process back that was killed', async () => {
    await ask();
    process.kill(hosts.processIds[0]!, 'SIGKILL');
    await until(() => returned === 1);
    expect(await ask()).toBe(2);
  });

  it('should refuse all that wait for a place that is refused, and ask for it again with the next request', async () => {
    refusals.push(new ModelUnavailable('no room', 7));
    const outcomes = await Promise.allSettled([ask(), ask()]);
    expect(outcomes).toMatchObject(Array(2).fill({ reason: { message: 'no room', retryAfterSeconds: 7 } }));
    expect(await ask()).toBe(2);
  });

  it('should try a file in a place of its owner, which is free again afterwards', async () => {
    await hosts.examine('other', FILE, () => signature);
    expect(holders.map(({ owner, holder }) => [owner, holder.giveWay])).toEqual([['other', undefined]]);
    expect(returned).toBe(1);
    await expect(
      hosts.examine('other', FILE, () => {
        throw new Error('no signature');
      }),
    ).rejects.toThrow('no signature');
    expect(returned).toBe(2);
  });
});
