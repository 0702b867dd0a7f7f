import { BatchConfig, type Config, defaultConfig, JobsConfig, TrainingConfig } from '../src/config/index.js';
import { BATCH } from '../src/modules/predictions/batch/batch-job.js';
import { TRAINING, VALIDATION } from '../src/modules/training/training-job.js';
import type { Claim, WaitingJob } from '../src/platform/jobs/job-claims.repository.js';
import type { JobKind } from '../src/platform/jobs/job-kind.js';
import { JobKinds } from '../src/platform/jobs/job-kinds.js';
import { WorkerRoom } from '../src/platform/jobs/worker-room.js';

const GIB = 2 ** 30;
const TURN_MS = 30_000;

/** A worker as it is by default on a machine of this size, whose jobs a test submits by tenant. */
class Worker {
  readonly config: Config = defaultConfig();
  readonly kinds = new JobKinds(this.config);
  readonly room: WorkerRoom;
  readonly running: (Claim & { kind: JobKind })[] = [];
  private jobs = 0;

  constructor(
    private readonly cpus: number,
    memoryBytes: number,
  ) {
    this.config.get(JobsConfig).configuredMemoryBytes = memoryBytes;
    this.room = new WorkerRoom({ cpus, memoryBytes }, TURN_MS);
    for (const kind of [TRAINING, BATCH, VALIDATION] as JobKind[])
      this.room.open(kind, this.kinds.limitsOf(kind));
  }

  /** @returns the job where it begins */
  begin(tenant: string, kind: JobKind, asks: Partial<WaitingJob> = {}): Claim | undefined {
    const sharing = this.room.sharedBy(kind);
    const isFirst = !this.running.some((each) => each.tenant === tenant && sharing.includes(each.kind.name));
    const none = { cpus: null, memoryBytes: null, waitedSeconds: 0 };
    const job: WaitingJob = { ...none, id: `job-${++this.jobs}`, isFirst, ...asks };
    if (this.room.choose(kind, [job]) !== job) return undefined;
    const claim = { ...job, tenant, attempt: 1 };
    expect(this.room.take(kind, claim)).toBeUndefined();
    this.running.push({ ...claim, kind });
    return claim;
  }

  end(claim: Claim): void {
    this.room.free(claim);
    this.running.splice(
      this.running.findIndex(({ id }) => id === claim.id),
      1,
    );
  }

  /** Has the tenant run as much as it can of these kinds, in this order. */
  fill(tenant: string, kinds: JobKind[], asks: Partial<WaitingJob> = {}): void {
    for (const kind of kinds)
      while (this.begin(tenant, kind, asks)) expect(this.used('cpus')).toBeLessThan(99);
  }

  used(of: 'cpus' | 'memoryBytes'): number {
    const needs = this.running.map(({ kind, ...job }) => job[of] ?? this.kinds.limitsOf(kind)[of]);
    return needs.reduce((sum, each) => sum + Math.min(each, of === 'cpus' ? this.cpus : Infinity), 0);
  }
}

const kinds = { TRAINING: TRAINING as JobKind, BATCH: BATCH as JobKind, VALIDATION: VALIDATION as JobKind };

describe('a worker as it is by default', () => {
  const laptops = [1, 2, 8].flatMap((cpus) => [3, 6, 12, 24].map((gib) => [cpus, gib] as const));
  const orders = [
    [kinds.TRAINING, kinds.BATCH],
    [kinds.BATCH, kinds.TRAINING],
  ];
  const asked = [{}, { cpus: 64 }];

  it.each(laptops)('with %d CPUs and %d GiB should begin the first job of another tenant', (cpus, gib) => {
    for (const order of orders)
      for (const asks of asked)
        for (const kind of [kinds.TRAINING, kinds.BATCH, kinds.VALIDATION]) {
          const worker = new Worker(cpus, gib * GIB);
          worker.fill('a', order, asks);
          worker.fill('a', [kinds.VALIDATION]);
          expect(worker.used('cpus')).toBeLessThanOrEqual(cpus);
          expect(worker.begin('b', kind)).toBeDefined();
          expect(worker.used('memoryBytes')).toBeLessThanOrEqual(gib * GIB);
        }
  });

  it.each(laptops)('with %d CPUs and %d GiB should never promise more memory than that', (cpus, gib) => {
    for (const order of orders) {
      const worker = new Worker(cpus, gib * GIB);
      for (const tenant of ['a', 'b', 'c', 'd']) worker.fill(tenant, order);
      expect(worker.used('memoryBytes')).toBeLessThanOrEqual(gib * GIB);
      // One job on top of the CPUs that there are.
      const last = worker.running.at(-1)!;
      worker.end(last);
      expect(worker.used('cpus')).toBeLessThanOrEqual(cpus);
    }
  });

  it('should let a tenant alone train as many models at once as are configured', () => {
    const worker = new Worker(2, 6 * GIB);
    worker.fill('a', [kinds.TRAINING]);
    expect(worker.running).toHaveLength(defaultConfig().get(TrainingConfig).concurrency);
    expect(worker.kinds.limitsOf(kinds.TRAINING).memoryBytes).toBe(2 * GIB);
  });

  it('should cut no memory where there is enough of it', () => {
    const worker = new Worker(8, 24 * GIB);
    const config = defaultConfig();
    expect(worker.kinds.limitsOf(kinds.TRAINING).memoryBytes).toBe(config.get(TrainingConfig).memoryBytes);
    expect(worker.kinds.limitsOf(kinds.BATCH).memoryBytes).toBe(config.get(BatchConfig).memoryBytes);
  });
});

describe('the reserve of a worker', () => {
  it('should be of no use to a tenant that runs a job of another kind', () => {
    const worker = new Worker(2, 12 * GIB);
    worker.fill('a', [kinds.TRAINING]);
    expect(worker.begin('a', kinds.BATCH)).toBeUndefined();
    expect(worker.begin('b', kinds.BATCH)).toBeDefined();
    expect(worker.begin('b', kinds.TRAINING)).toBeUndefined();
  });

  it('should be free again for a third tenant once the first has ended one of its jobs', () => {
    const worker = new Worker(8, 24 * GIB);
    const first = worker.begin('a', kinds.TRAINING)!;
    worker.fill('a', [kinds.TRAINING]);
    expect(worker.begin('b', kinds.TRAINING)).toBeDefined();
    expect(worker.begin('c', kinds.TRAINING)).toBeUndefined();
    worker.end(first);
    expect(worker.begin('a', kinds.TRAINING)).toBeUndefined();
    expect(worker.begin('c', kinds.TRAINING)).toBeDefined();
  });

  it('should not be held back by room that is kept for a tenant that runs something', () => {
    const worker = new Worker(4, 24 * GIB);
    worker.begin('a', kinds.TRAINING, { cpus: 3 });
    expect(worker.begin('a', kinds.TRAINING, { cpus: 4 })).toBeUndefined();
    expect(worker.begin('a', kinds.BATCH, { cpus: 1 })).toBeUndefined();
    expect(worker.begin('b', kinds.BATCH)).toBeDefined();
  });

  it('should be kept for the first tenant that waits for it', () => {
    const worker = new Worker(2, 12 * GIB);
    worker.fill('a', [kinds.TRAINING]);
    const b = worker.begin('b', kinds.BATCH)!;
    const waiting = { id: 'training of c' };
    expect(worker.begin('c', kinds.TRAINING, waiting)).toBeUndefined();
    expect(worker.room.keptFor).toBe(waiting.id);
    worker.end(b);
    expect(worker.begin('d', kinds.BATCH)).toBeUndefined();
    worker.end(worker.running[0]!);
    expect(worker.begin('c', kinds.TRAINING, waiting)).toBeDefined();
  });

  it('should be open to a job that asks for nearly all memory once nothing else runs', () => {
    const worker = new Worker(2, 12 * GIB);
    expect(worker.begin('a', kinds.TRAINING, { isFirst: false, memoryBytes: 11 * GIB })).toBeDefined();
  });
});

describe('a job that gives way', () => {
  let worker: Worker;

  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] });
    worker = new Worker(8, 24 * GIB);
  });
  afterEach(() => jest.useRealTimers());

  it('should do so once it has had its turn, and for a tenant that runs nothing', () => {
    const a = worker.begin('a', kinds.BATCH)!;
    jest.advanceTimersByTime(1000);
    worker.begin('b', kinds.BATCH);
    expect(worker.room.toGiveWay(kinds.BATCH)).toBeUndefined();
    // What is not its first has to wait.
    expect(worker.begin('b', kinds.BATCH)).toBeUndefined();
    expect(worker.room.toGiveWay(kinds.BATCH)).toBeUndefined();

    expect(worker.begin('c', kinds.BATCH)).toBeUndefined();
    const attempt = { tenant: 'a', id: a.id, attempt: 1 };
    expect(worker.room.toGiveWay(kinds.BATCH)).toEqual({ attempt, inMs: TURN_MS - 1000 });
    jest.advanceTimersByTime(TURN_MS);
    expect(worker.room.toGiveWay(kinds.BATCH)).toEqual({ attempt, inMs: -1000 });
  });

  it('should be asked once, and nobody else with it', () => {
    const a = worker.begin('a', kinds.BATCH)!;
    worker.begin('b', kinds.BATCH);
    worker.begin('c', kinds.BATCH);
    worker.room.isGivingWay(worker.room.toGiveWay(kinds.BATCH)!.attempt);
    worker.begin('d', kinds.BATCH);
    expect(worker.room.toGiveWay(kinds.BATCH)).toBeUndefined();
    worker.end(a);
    expect(worker.begin('c', kinds.BATCH)).toBeDefined();
    worker.begin('d', kinds.BATCH);
    expect(worker.room.toGiveWay(kinds.BATCH)?.attempt.tenant).toBe('b');
  });

  it('should be one of the tenant with the most jobs', () => {
    worker.begin('b', kinds.BATCH);
    jest.advanceTimersByTime(1000);
    worker.fill('a', [kinds.TRAINING]);
    expect(worker.begin('a', kinds.BATCH, { isFirst: true })).toBeDefined();
    worker.begin('c', kinds.BATCH);
    expect(worker.room.toGiveWay(kinds.BATCH)?.attempt.tenant).toBe('a');
  });

  it('should be one that makes room, whatever its kind', () => {
    worker = new Worker(2, 12 * GIB);
    worker.begin('a', kinds.BATCH);
    worker.begin('b', kinds.TRAINING);
    expect(worker.begin('c', kinds.TRAINING)).toBeUndefined();
    expect(worker.room.toGiveWay(kinds.TRAINING)?.attempt.tenant).toBe('a');
  });

  it('should not be asked where that would let nobody in', () => {
    worker.fill('a', [kinds.TRAINING]);
    worker.begin('a', kinds.BATCH);
    worker.begin('b', kinds.TRAINING);
    expect(worker.begin('c', kinds.TRAINING)).toBeUndefined();
    expect(worker.room.toGiveWay(kinds.TRAINING)).toBeUndefined();
  });
});
