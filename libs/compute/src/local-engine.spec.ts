import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  EngineUnavailable,
  LocalEngine,
  type ComputeOutcome,
  type JobEvent,
  type LocalEngineOptions,
} from './index.js';

const fakeTrainer = join(import.meta.dirname, '..', 'test', 'fake-trainer');
const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)']).toString().trim();

const header = { job_id: 'train-1', attempt: 1 };
const failed = { type: 'failed', code: 'DATA_UNFIT', message: 'one class only' };
const result = {
  ...{ model_type: 'regression', framework_version: '1.9.1', signature: {}, metrics: {} },
  ...{ importance: null, parameters: {}, data: {}, threshold_curve: null },
  calibration: {
    ...{ rows: 1, source: 'held_out', seen_by: [], spread: null, measured: [] },
    scores: { count: 1, scores: [0] },
  },
  files: {},
};
const file = { name: 'x', size_bytes: 1, sha256: '0'.repeat(64) };
const succeeded = {
  type: 'succeeded',
  result: {
    ...result,
    files: { model: file, baseline: file, background: file, card: file, card_markdown: file },
  },
};

type Step = Record<string, unknown>;

const line = (event: object) => ({ write: `${JSON.stringify({ ...header, ...event })}\n` });
const log = (seq: number, message = `event ${seq}`) => line({ type: 'log', level: 'info', message, seq });

let folder: string;
let engine: LocalEngine;
let logs: string[];

function makeEngine(change: Partial<LocalEngineOptions> = {}): LocalEngine {
  const environment = { PATH: process.env.PATH, HOME: '/home/x', SECRET: 'hidden', OMP_NUM_THREADS: '1' };
  return new LocalEngine({
    python,
    trainerDir: fakeTrainer,
    environment,
    onLog: (text) => logs.push(text),
    ...change,
  });
}

interface Ran {
  readonly outcome: ComputeOutcome;
  readonly events: JobEvent[];
}

async function run(steps: Step[], change: object = {}, signal = new AbortController().signal): Promise<Ran> {
  const events: JobEvent[] = [];
  const spec = { ...header, ...change, steps };
  const outcome = await engine.run(spec, { signal, onEvent: (event) => events.push(event) });
  return { outcome, events };
}

async function waitFor(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 10_000; !(await condition());) {
    if (Date.now() > end) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Whether a process exists and is no zombie. */
function isRunning(pid: number): boolean {
  try {
    return !execFileSync('ps', ['-o', 'stat=', '-p', String(pid)])
      .toString()
      .startsWith('Z');
  } catch {
    return false;
  }
}

async function readPid(path: string): Promise<number> {
  await waitFor(async () => existsSync(path) && (await readFile(path, 'utf8')) !== '');
  return Number(await readFile(path, 'utf8'));
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'compute-'));
  logs = [];
  engine = makeEngine();
});
afterEach(async () => {
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

describe('LocalEngine', () => {
  it('should hand on every event and the result', async () => {
    const progress = {
      ...{ type: 'progress', current_epoch: 1, total_epochs: 2, current_loss: 0.5, best_loss: null },
      ...{ learning_rate: null, metrics: { accuracy: 0.9, roc_auc: null } },
    };
    const sent = [{ type: 'started', workers: 1, gpus: 0 }, progress, succeeded];
    const { outcome, events } = await run(sent.map((event, index) => line({ ...event, seq: index + 1 })));
    expect(outcome).toEqual({ type: 'succeeded', result: succeeded.result });
    expect(events).toEqual(sent.map((event, index) => ({ ...header, ...event, seq: index + 1 })));
  });

  it('should tell its own id of a job before the job begins', async () => {
    const told: string[] = [];
    const runAs = async (onAccepted: (id: string) => Promise<void>) => {
      const options = { signal: new AbortController().signal, onEvent: () => void told.push('event') };
      return engine.run(
        { ...header, steps: [log(1), line({ ...failed, seq: 2 })] },
        { ...options, onAccepted },
      );
    };
    const keep = async (id: string) => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      told.push(id);
    };
    await runAs(keep);
    expect(told).toEqual([expect.stringMatching(/^\d+-1$/), 'event', 'event']);
    expect(isRunning(Number(told[0]?.split('-')[0]))).toBe(true);

    told.length = 0;
    await expect(runAs(() => Promise.reject(new Error('not kept')))).rejects.toThrow('not kept');
    expect(told).toEqual([]);
    await runAs(keep);
    expect(told[0]).toMatch(/^\d+-3$/);
  });

  it('should ask a job to give way, but not before its first event', async () => {
    const giveWay = new AbortController();
    giveWay.abort();
    const steps = [
      { sleep: 0.3 },
      { listen: true },
      log(1),
      { await_signal: true },
      line({ type: 'gave_way', seq: 2 }),
    ];
    const signal = new AbortController().signal;
    const run = (of: object[], asked: AbortSignal) =>
      engine.run({ ...header, steps: of }, { signal, giveWay: asked, onEvent: () => undefined });
    expect(await run(steps, giveWay.signal)).toEqual({ type: 'gave_way' });
    const later = new AbortController();
    setTimeout(() => later.abort(), 400);
    expect(await run(steps.slice(1), later.signal)).toEqual({ type: 'gave_way' });
  });

  it('should say why a job failed', async () => {
    const { outcome } = await run([line({ ...failed, seq: 1 }), { exit: 1 }]);
    expect(outcome).toEqual(failed);
  });

  it('should run jobs side by side, in one warm process', async () => {
    const jobs = Array.from({ length: 6 }, (_, index) =>
      run([log(1), { sleep: 0.1 }, line({ ...failed, message: `job ${index}`, seq: 2 })]),
    );
    const outcomes = (await Promise.all(jobs)).map(({ outcome }) => outcome);
    expect(outcomes).toEqual(outcomes.map((_, index) => ({ ...failed, message: `job ${index}` })));
  });

  describe('what is no event', () => {
    it('should become an error in the log, numbered among the others', async () => {
      const { outcome, events } = await run([
        log(1),
        { write: 'Traceback: something\n\n' },
        log(2),
        line({ type: 'progress', seq: 3 }),
        line({ type: 'log', level: 'info', message: 'of another', job_id: 'train-2', seq: 3 }),
        log(2, 'again'),
        line({ ...failed, seq: 3 }),
        line({ ...succeeded, seq: 4 }),
      ]);
      expect(outcome).toEqual(failed);
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
      expect(
        events.map((event) => (event.type === 'log' ? `${event.level}: ${event.message}` : event.type)),
      ).toEqual([
        'info: event 1',
        'error: the job wrote a line that is not JSON: Traceback: something',
        'info: event 2',
        expect.stringMatching(/^error: the job wrote an invalid event \(\/ must have required property/),
        'error: the job wrote an event of train-2, attempt 1',
        'error: the job wrote event 2 twice or out of order',
        'failed',
        'error: the job wrote "succeeded" after it had ended',
      ]);
    });

    it('should be bounded when it is a line without end', async () => {
      const { outcome, events } = await run([{ flood: 20 }, { write: '\n' }, line({ ...failed, seq: 1 })]);
      expect(outcome).toEqual(failed);
      expect(events.map((event) => ('message' in event ? event.message : ''))).toEqual([
        'the job wrote a line of more than 8388608 bytes; it was dropped',
        'one class only',
      ]);
    });

    it('should not be taken for a line that arrives in pieces', async () => {
      const { write } = log(1, 'größe 😀');
      const { events } = await run([
        { write: write.slice(0, 30) },
        { sleep: 0.05 },
        { write: write.slice(30) },
      ]);
      expect(events).toMatchObject([{ type: 'log', level: 'info', message: 'größe 😀' }]);
    });
  });

  describe('a crash', () => {
    it('should be told from a job that says how it ended', async () => {
      const { outcome } = await run([log(1), { exit: 3 }]);
      expect(outcome).toMatchObject({ type: 'crashed', exitCode: 3, signal: null });
      expect(outcome).toMatchObject({ message: expect.stringContaining('exit code 3') });
      expect(outcome).toMatchObject({ maxRssBytes: expect.any(Number) });
      expect((await run([])).outcome).toMatchObject({ type: 'crashed', exitCode: 0 });
    });

    it('should name the signal', async () => {
      const { outcome } = await run([{ kill: 11 }]);
      expect(outcome).toMatchObject({ type: 'crashed', exitCode: null, signal: 11, cause: 'SIGSEGV' });
      expect(outcome).toMatchObject({ message: expect.stringContaining('signal 11 (SIGSEGV)') });
    });

    it('should be put down to memory near the limit', async () => {
      const limits = { memory_bytes: 1000 * 2 ** 20 };
      const near = await run([{ kill: 9 }], { limits, max_rss_bytes: 950 * 2 ** 20 });
      expect(near.outcome).toMatchObject({
        message:
          "the job's process was killed, most likely out of memory: it had used 950 MiB of the 1000 MiB it may use",
      });
      expect(near.outcome).toMatchObject({ cause: 'out of memory' });
      const far = await run([{ kill: 9 }], { limits, max_rss_bytes: 100 * 2 ** 20 });
      expect(far.outcome).toMatchObject({ message: expect.not.stringContaining('most likely'), cause: null });
    });

    it('should be put down to memory where the system has killed for want of it meanwhile', async () => {
      const limits = { memory_bytes: 1000 * 2 ** 20 };
      const spec = { limits, max_rss_bytes: 100 * 2 ** 20, memory_ran_out: true };
      expect((await run([{ kill: 9 }], spec)).outcome).toMatchObject({
        message:
          "the job's process was killed while the machine was out of memory: it had used 100 MiB of the 1000 MiB it may use",
        cause: 'out of memory',
      });
    });

    it.each([{ kill: 9 }, { kill: 15 }, { exit: 3 }])(
      'should not be put down to the job where it may have come from outside: %j',
      async (end) => {
        expect((await run([end])).outcome).toMatchObject({ type: 'crashed', cause: null });
      },
    );

    it('should be what a job meets whose parent dies, and the next job gets a new parent', async () => {
      const other = run([{ sleep: 30 }]);
      const { outcome } = await run([log(1), { sleep: 0.2 }, { kill_parent: true }, { sleep: 30 }]);
      expect(outcome).toMatchObject({ type: 'crashed', exitCode: null, signal: null });
      expect((await other).outcome.type).toBe('crashed');
      expect((await run([line({ ...failed, seq: 1 })])).outcome).toEqual(failed);
    });
  });

  describe('abort', () => {
    it('should kill the process before it is confirmed', async () => {
      const path = join(folder, 'pid');
      const abort = new AbortController();
      const running = run([{ write_pid: path }, { sleep: 30 }], {}, abort.signal);
      const pid = await readPid(path);
      expect(isRunning(pid)).toBe(true);
      abort.abort();
      expect((await running).outcome).toEqual({ type: 'aborted' });
      expect(isRunning(pid)).toBe(false);
    });

    it('should come before anything is started', async () => {
      const { outcome, events } = await run([log(1)], {}, AbortSignal.abort());
      expect([outcome, events]).toEqual([{ type: 'aborted' }, []]);
      const abort = new AbortController();
      const running = run([log(1)], {}, abort.signal);
      abort.abort();
      expect(await running).toEqual({ outcome: { type: 'aborted' }, events: [] });
    });

    it('should follow from a listener that throws, which rejects the run', async () => {
      const path = join(folder, 'pid');
      const running = engine.run(
        { ...header, steps: [{ write_pid: path }, log(1), { sleep: 30 }] },
        {
          signal: new AbortController().signal,
          onEvent: () => {
            throw new Error('lease lost');
          },
        },
      );
      await expect(running).rejects.toThrow('lease lost');
      expect(isRunning(await readPid(path))).toBe(false);
    });
  });

  it('should hand on few variables of the environment', async () => {
    const path = join(folder, 'environment');
    await run([{ environment: path }]);
    const seen = JSON.parse(await readFile(path, 'utf8')) as Record<string, string>;
    expect(seen).toMatchObject({
      HOME: '/home/x',
      OMP_NUM_THREADS: '1',
      PYTHONPATH: join(fakeTrainer, 'src'),
    });
    expect(Object.keys(seen)).not.toContain('SECRET');
  });

  it('should hand what the process says beside events to the log', async () => {
    await run([{ say: 'a warning of a library' }]);
    await waitFor(() => logs.includes('a warning of a library'));
  });

  describe('a process that does not start', () => {
    async function withMain(text: string, change: Partial<LocalEngineOptions> = {}): Promise<unknown> {
      const module = join(folder, 'src', 'modelplane_trainer');
      await mkdir(module, { recursive: true });
      await writeFile(join(module, '__main__.py'), text);
      engine = makeEngine({ trainerDir: folder, ...change });
      return run([]).then(
        () => null,
        (error: unknown) => error,
      );
    }

    it('should say what it said last', async () => {
      const error = await withMain('raise SystemExit("no module named sklearn")');
      expect(error).toBeInstanceOf(EngineUnavailable);
      expect(error).toMatchObject({
        message: expect.stringMatching(/exit code 1.*\nno module named sklearn/s),
      });
    });

    it('should be given up after a time', async () => {
      const error = await withMain('import time; time.sleep(60)', { startTimeoutMs: 300 });
      expect(error).toMatchObject({ message: expect.stringContaining('was not ready after 0.3 s') });
    });

    it('should not be waited for when the engine is closed', async () => {
      const starting = withMain('import time; time.sleep(60)');
      await waitFor(() => existsSync(join(folder, 'src', 'modelplane_trainer', '__main__.py')));
      await new Promise((resolve) => setTimeout(resolve, 100));
      const since = performance.now();
      await engine.close();
      expect(await starting).toBeInstanceOf(EngineUnavailable);
      expect(performance.now() - since).toBeLessThan(1500);
    });

    it('should be tried again for the next job', async () => {
      expect(await withMain('raise SystemExit("broken")')).toBeInstanceOf(EngineUnavailable);
      await writeFile(
        join(folder, 'src', 'modelplane_trainer', '__main__.py'),
        await readFile(join(fakeTrainer, 'src', 'modelplane_trainer', '__main__.py'), 'utf8'),
      );
      expect((await run([line({ ...failed, seq: 1 })])).outcome).toEqual(failed);
    });

    it('should be told from a missing interpreter', async () => {
      engine = makeEngine({ python: '/no/such/python' });
      await expect(run([])).rejects.toThrow(/could not be started.*ENOENT/s);
    });

    it('should be refused a socket whose path is too long', async () => {
      const socketDir = join(folder, 'x'.repeat(100));
      await mkdir(socketDir);
      engine = makeEngine({ socketDir });
      await expect(run([])).rejects.toThrow(/too long/);
    });
  });

  it('should end its process and jobs when it is closed', async () => {
    const path = join(folder, 'pid');
    const running = run([{ write_pid: path }, { sleep: 30 }]);
    const pid = await readPid(path);
    await engine.close();
    expect((await running).outcome.type).toBe('crashed');
    await waitFor(() => !isRunning(pid));
    await expect(run([])).rejects.toThrow(/closed/);
  });

  it('should refuse a spec without an id', async () => {
    await expect(run([], { job_id: undefined })).rejects.toThrow(TypeError);
  });
});
