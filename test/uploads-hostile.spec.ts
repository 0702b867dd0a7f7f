import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { completeSignature, GraphRefused, scanGraph, SignatureIncomplete } from '#libs/inference';
import { UploadedModels } from '../src/platform/inference/inference.module.js';
import type { Client } from './support/client.js';
import { Service } from './support/service.js';
import { makeUploads, registerModel, upload } from './support/uploads.js';

const FLIPS = 5000;
/** Flipped files that pass the scan are tried in a process each: as many as fit in the time of a test. */
const TRIED_FLIPS = 25;
const FOUR = { features: ['a', 'b', 'c', 'd'] };

describe('hostile models', () => {
  let service: Service;
  let acme: Client;
  let hosts: UploadedModels;
  let files: Map<string, Buffer>;
  let good: string;

  beforeAll(async () => {
    service = await Service.start({
      env: {
        MODELPLANE_UPLOADED_MODEL_MEMORY_BYTES: String(2 ** 30),
        MODELPLANE_UPLOADED_MODEL_RUN_SECONDS: '3',
        MODELPLANE_UPLOADED_MODEL_LOAD_SECONDS: '20',
        MODELPLANE_UPLOADED_MODEL_PROCESSES: '4',
      },
    });
    acme = await service.as('acme-corp');
    hosts = service.app.get(UploadedModels);
    files = await makeUploads();
    good = await registerModel(acme, 'classification');
    expect((await upload(acme, good, files.get('good-packed.onnx')!, FOUR)).status).toBe(201);
  });
  afterAll(() => service?.stop());

  const ask = (model_id: string, features: object = { a: 1, b: 2, c: 3, d: 4 }) =>
    acme.post('/api/v1/predictions', { model_id, features });

  /** What the refusal of each file must say; a file that is not here must be refused all the same. */
  const REASONS: Record<string, RegExp> = {
    empty: /empty/,
    truncated: /cut short/,
    pickle: /no ONNX file/,
    'endless-loop': /"Loop".*never end/,
    'nested-loops': /"Loop"/,
    branches: /"If"/,
    'huge-constant': /memory/,
    'huge-expand': /memory/,
    'too-slow': /did not answer within 3 seconds/,
    'external-absolute': /outside of the file/,
    'external-sibling': /outside of the file/,
    'external-attribute': /outside of the file/,
    'unknown-operator': /"Frobnicate"/,
    'unknown-domain': /domain "mine"/,
    function: /functions/,
    random: /"RandomNormalLike"/,
    cycle: /cycle/,
    'no-outputs': /no output/,
    nan: /NaN/,
    'giant-initializer': /dimensions for/,
    'giant-attribute': /dimensions for/,
    maps: /'zipmap': False/,
    'one-row': /dynamic first dimension/,
  };

  it('should be refused with a sentence, while others are answered', async () => {
    const bad = [...files].filter(([name]) => name.startsWith('bad-'));
    expect(bad.length).toBeGreaterThanOrEqual(21);
    const id = await registerModel(acme, 'regression');
    const refusals = new Map<string, string>();
    for (const [file, bytes] of bad) {
      const [{ status, body }, other] = await Promise.all([upload(acme, id, bytes), ask(good)]);
      const name = file.slice('bad-'.length, -'.onnx'.length);
      expect([name, status, body.code, other.status]).toEqual([name, 422, 'VALIDATION_ERROR', 200]);
      expect(body.detail).not.toMatch(/\/tmp|onnxruntime|\.cc|\.js|root:/);
      refusals.set(name, body.detail);
    }
    for (const [name, reason] of Object.entries(REASONS)) expect(refusals.get(name)).toMatch(reason);
    expect((await acme.get(`/api/v1/models/${id}/versions/1.0.0`)).body.ready).toBe(false);
  });

  it('should be refused or harmless with any byte flipped', async () => {
    const original = files.get('good-packed.onnx')!;
    const survivors: Buffer[] = [];
    for (let flip = 0; flip < FLIPS; flip++) {
      const bytes = Buffer.from(original);
      // Every byte in turn, another bit in each round.
      bytes[flip % bytes.length]! ^= 1 << ((Math.floor(flip / bytes.length) * 3 + flip) % 8);
      try {
        completeSignature(scanGraph(bytes), 'classification', {
          features: FOUR.features.map((name) => ({ name })),
        });
        survivors.push(bytes);
      } catch (error) {
        if (!(error instanceof GraphRefused || error instanceof SignatureIncomplete)) throw error;
      }
    }
    expect(survivors.length).toBeGreaterThan(TRIED_FLIPS);
    expect(survivors.length).toBeLessThan(FLIPS);

    const step = Math.floor(survivors.length / TRIED_FLIPS);
    const tried = survivors.filter((_, index) => index % step === 0);
    for (const bytes of tried) {
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const file = { sha256, sizeBytes: bytes.length, open: async () => Readable.from([bytes]) };
      const features = FOUR.features.map((name) => ({ name }));
      const trial = hosts.examine('acme-corp', file, (graph) =>
        completeSignature(graph, 'classification', { features }),
      );
      const [[result], { status }] = await Promise.all([Promise.allSettled([trial]), ask(good)]);
      expect(status).toBe(200);
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(GraphRefused);
    }
  });

  describe('that were let in', () => {
    let slow: string;

    beforeAll(async () => {
      slow = await registerModel(acme, 'regression');
      expect((await upload(acme, slow, files.get('good-slow-on-demand.onnx')!)).status).toBe(201);
    });

    it('should run in a process of their own, which has no environment and a memory limit', async () => {
      expect((await ask(good)).status).toBe(200);
      const [pid] = hosts.processIds as [number];
      expect(pid).not.toBe(process.pid);
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean);
      expect(environment.filter((entry) => !/^(NODE_CHANNEL_|PWD=|OLDPWD=)/.test(entry))).toEqual([]);
      expect(readFileSync(`/proc/${pid}/limits`, 'utf8')).toMatch(/Max data size\s+1073741824/);
    });

    it('should get no new privileges, have a filter of system calls, and not run as root', () => {
      const status = readFileSync(`/proc/${hosts.processIds[0]}/status`, 'utf8');
      expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
      expect(status).toMatch(/^Seccomp:\s+2$/m);
      expect(status).not.toMatch(/^Uid:.*\b0\b/m);
      expect(status).toMatch(/^CapEff:\s+0+$/m);
    });

    it('should fail their own requests only while they hang, and be replaced', async () => {
      expect((await ask(slow, { x: 1 })).body.prediction).toEqual([1]);
      const hanging = ask(slow, { x: 7000 });
      expect((await ask(good)).status).toBe(200);
      const { status, body, headers } = await hanging;
      expect([status, body.code, Number(headers.get('retry-after'))]).toEqual([503, 'MODEL_UNAVAILABLE', 1]);
      expect(body.detail).toMatch(/did not answer within 3 seconds/);

      const soon = await ask(slow, { x: 1 });
      expect([soon.status, soon.body.code]).toEqual([503, 'MODEL_UNAVAILABLE']);
      expect(await eventually(() => ask(slow, { x: 1 }))).toBe(200);
    });

    it('should answer what needs too much memory as the fault of the request', async () => {
      const { status, body } = await ask(slow, { x: 100_000 });
      expect([status, body.code, body.detail]).toEqual([
        422,
        'VALIDATION_ERROR',
        expect.stringMatching(/more memory than it may use/),
      ]);
    });

    it('should be started again after they are killed', async () => {
      expect(await eventually(() => ask(good))).toBe(200);
      const before = hosts.processIds;
      for (const pid of before) process.kill(pid, 'SIGKILL');
      expect(await eventually(() => ask(good))).toBe(200);
      expect(before).not.toContain(hosts.processIds[0]);
    });

    it('should make room for others when there are too many', async () => {
      const ids: string[] = [];
      for (let model = 0; model < 5; model++) {
        const id = await registerModel(acme, 'classification');
        expect((await upload(acme, id, files.get('good-packed.onnx')!, FOUR)).status).toBe(201);
        ids.push(id);
      }
      for (const id of [...ids, ...ids]) {
        expect((await ask(id)).status).toBe(200);
        expect(hosts.processIds.length).toBeLessThanOrEqual(4);
      }
    });
  });

  /** Asks again as long as the answer is that the model is not there yet. */
  async function eventually(question: () => ReturnType<typeof ask>): Promise<number> {
    for (let tries = 0; ; tries++) {
      const { status } = await question();
      if (status !== 503 || tries === 100) return status;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
});
