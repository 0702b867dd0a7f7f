import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalEngine, type ComputeOutcome, type JobEvent } from './index.js';

const trainerDir = join(import.meta.dirname, '..', '..', '..', 'trainer');
const python = join(trainerDir, '.venv', 'bin', 'python');

/** Against the real trainer, which `npm test` sets up; without it these tests fail. */
describe('LocalEngine with the real trainer', () => {
  let root: string;
  let engine: LocalEngine;
  const logs: string[] = [];

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'compute-'));
    await mkdir(join(root, 'data'));
    const rows = Array.from(
      { length: 400 },
      (_, index) => `${index % 17},${(index * 7) % 11},${index % 17 > 8}`,
    );
    await writeFile(join(root, 'data', 'small.csv'), ['a,b,y', ...rows].join('\n'));
    engine = new LocalEngine({
      python,
      trainerDir,
      environment: process.env,
      onLog: (line) => logs.push(line),
    });
    await engine.warmUp();
  });

  afterAll(async () => {
    await engine.close();
    await rm(root, { recursive: true, force: true });
  });

  function spec(
    number: number,
    change: { target?: string; estimator?: string; hyperparameters?: object } = {},
  ) {
    return {
      spec_version: 1,
      kind: 'training',
      job_id: `train-00000000-0000-7000-8000-${String(number).padStart(12, '0')}`,
      attempt: 1,
      storage: { kind: 'folder', root },
      output_uri: `s3://modelplane/attempts/${number}/1/`,
      framework: 'sklearn',
      estimator: change.estimator ?? 'logistic_regression',
      model_type: 'classification',
      hyperparameters: change.hyperparameters ?? {},
      data: {
        train: { format: 'csv', uris: ['s3://data/small.csv'] },
        validation: null,
        target_column: change.target ?? 'y',
        feature_columns: null,
        exclude_columns: [],
        validation_share: 0.2,
        batch_size: null,
      },
      training: {
        strategy: null,
        num_workers: null,
        use_gpu: null,
        epochs: null,
        learning_rate: null,
        early_stopping: null,
        patience: null,
        seed: 1,
        importance: 'fast',
        importance_seconds: 10,
      },
      limits: { memory_bytes: 2 ** 30, max_features: 100 },
    };
  }

  const slow = { estimator: 'random_forest', hyperparameters: { n_estimators: 5000 } };

  /** Starts a job; `started` resolves with its first event. */
  function start(job: object, signal = new AbortController().signal) {
    const events: JobEvent[] = [];
    let onStarted: () => void = () => undefined;
    const started = new Promise<void>((resolve) => (onStarted = resolve));
    const onEvent = (event: JobEvent) => {
      events.push(event);
      onStarted();
    };
    const outcome: Promise<ComputeOutcome> = engine.run(job, { signal, onEvent });
    return { started, outcome, events };
  }

  function jobProcesses(): number[] {
    const parent = parentPid();
    return execFileSync('ps', ['-e', '-o', 'pid=,ppid=,stat='])
      .toString()
      .split('\n')
      .map((row) => row.trim().split(/\s+/))
      .filter(([, ppid, state]) => Number(ppid) === parent && !state!.startsWith('Z'))
      .map(([pid]) => Number(pid));
  }

  function parentPid(): number {
    const rows = execFileSync('ps', ['-e', '-o', 'pid=,ppid=,args=']).toString().split('\n');
    const row = rows.find(
      (text) => text.includes('forkserver') && Number(text.trim().split(/\s+/)[1]) === process.pid,
    );
    return Number(row!.trim().split(/\s+/)[0]);
  }

  it('should train a model and report it', async () => {
    const { outcome, events } = start(spec(1));
    const ended = await outcome;
    if (ended.type !== 'succeeded') throw new Error(JSON.stringify(ended));
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.filter((event) => event.type === 'log' && event.level === 'error')).toEqual([]);
    expect(events[0]!.type).toBe('started');
    const files = ended.result.files as Record<string, { name: string; size_bytes: number }>;
    const written = await stat(join(root, 'modelplane/attempts/1/1', files.model!.name));
    expect(written.size).toBe(files.model!.size_bytes);
  });

  it('should say what is wrong with a job', async () => {
    const outcome = await start(spec(2, { target: 'churned' })).outcome;
    expect(outcome).toMatchObject({ type: 'failed', code: 'COLUMN_NOT_FOUND' });
  });

  it('should run two jobs at once', async () => {
    const outcomes = await Promise.all([start(spec(3)).outcome, start(spec(4)).outcome]);
    expect(outcomes.map(({ type }) => type)).toEqual(['succeeded', 'succeeded']);
  });

  it('should leave no process after an abort', async () => {
    const abort = new AbortController();
    const { started, outcome } = start(spec(5, slow), abort.signal);
    await started;
    expect(jobProcesses()).toHaveLength(1);
    abort.abort();
    expect(await outcome).toEqual({ type: 'aborted' });
    expect(jobProcesses()).toEqual([]);
  });

  it('should tell a job that was killed', async () => {
    const { started, outcome } = start(spec(6, slow));
    await started;
    process.kill(jobProcesses()[0]!, 'SIGKILL');
    expect(await outcome).toMatchObject({ type: 'crashed', exitCode: null, signal: 9 });
    expect(await outcome).toMatchObject({ maxRssBytes: expect.any(Number) });
  });

  it('should survive the death of the warm parent, whose jobs die with it', async () => {
    const { started, outcome } = start(spec(7, slow));
    await started;
    const [job] = jobProcesses();
    expect(isRunning(job!)).toBe(true);
    process.kill(parentPid(), 'SIGKILL');
    expect(await outcome).toMatchObject({ type: 'crashed', signal: null });
    for (let tries = 0; isRunning(job!) && tries < 100; tries++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect(isRunning(job!)).toBe(false);
    expect((await start(spec(8)).outcome).type).toBe('succeeded');
  });

  it('should show the job no secret of this process', async () => {
    const environ = await readFile(`/proc/${parentPid()}/environ`, 'utf8');
    const names = environ.split('\0').map((entry) => entry.split('=')[0]);
    expect(names).toContain('PATH');
    expect(names.filter((name) => /JEST|DATABASE_URL|SECRET|NODE/.test(name!))).toEqual([]);
  });
});

function isRunning(pid: number): boolean {
  try {
    return !execFileSync('ps', ['-o', 'stat=', '-p', String(pid)])
      .toString()
      .startsWith('Z');
  } catch {
    return false;
  }
}
