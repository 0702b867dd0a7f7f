import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from '../src/platform/jobs/job.entity.js';
import { JobReconciler } from '../src/platform/jobs/job-reconciler.js';
import { JobsService } from '../src/platform/jobs/jobs.service.js';
import type { Outcome } from '../src/platform/jobs/job-handlers.js';
import { DIGGING, FILLING, JobScene, success, type WorkAttempt, type WorkSpec } from './support/job-scene.js';

const CPUS = 2;
const MEMORY = 2 ** 30;

/** Tenants that share one worker of two CPUs, of which each may run as much as it likes. */
describe('jobs of several tenants', () => {
  let scene: JobScene;
  let begun: string[];
  let finish: Map<string, () => void>;

  beforeAll(async () => {
    scene = await JobScene.open({
      env: {
        MODELPLANE_WORKER_CPUS: String(CPUS),
        MODELPLANE_WORKER_MEMORY_BYTES: String(MEMORY),
        MODELPLANE_JOBS_RUNNING_PER_TENANT: '100',
        MODELPLANE_JOBS_TURN_SECONDS: '0',
      },
    });
    scene.start(DIGGING, FILLING);
  });
  beforeEach(() => {
    begun = [];
    finish = new Map();
    scene.let(DIGGING, held);
    scene.let(FILLING, held);
  });
  afterEach(async () => {
    const { database } = scene.service;
    await database.query(
      `update jobs set cancel_requested_at = now(), status = case when status = 'paused' then 'submitted' else status end
       where ended_at is null`,
    );
    while ((await database.query('select from jobs where ended_at is null')).length > 0) {
      for (const end of finish.values()) end();
      await scene.part(JobReconciler).reconcile();
      await sleep(20);
    }
    await scene.clear();
  });
  afterAll(() => scene?.stop());

  /** Works until the test or whoever cancels it ends it, or until it is asked to give way. */
  async function held(attempt: WorkAttempt): Promise<Outcome<object>> {
    const { claim, job, signal, giveWay } = attempt;
    begun.push(job.spec.note);
    await new Promise<void>((resolve) => {
      finish.set(claim.id, resolve);
      signal.addEventListener('abort', () => resolve());
      if (job.spec.note.includes('yielding')) giveWay.addEventListener('abort', () => resolve());
    });
    finish.delete(claim.id);
    if (signal.aborted) return { type: 'aborted' };
    return giveWay.aborted && job.spec.note.includes('yielding') ? { type: 'gave_way' } : success();
  }

  const dig = (tenant: string, note = tenant, spec: Partial<WorkSpec> = {}) =>
    scene.submit(tenant, DIGGING, { note, ...spec });

  async function begins(job: Job<WorkSpec>): Promise<void> {
    while (!finish.has(job.id)) await sleep(10);
  }

  async function end(job: Job<WorkSpec>): Promise<void> {
    finish.get(job.id)!();
    await scene.ended(job);
  }

  async function flood(tenant: string, count: number): Promise<Job<WorkSpec>[]> {
    const jobs = [];
    for (let at = 0; at < count; at++) jobs.push(await dig(tenant));
    return jobs;
  }

  const statusOf = async (job: Job<WorkSpec>) => (await scene.read(job)).status;

  it('should begin at once where their tenant runs nothing, whatever another has submitted', async () => {
    const [first] = await flood('acme-corp', 40);
    await begins(first!);
    const guest = await dig('globex');
    await begins(guest);
    expect((await scene.read(first!)).status).toBe('running');
    // The reserve is for one of them, and acme's own wait for room as before.
    const second = await dig('globex');
    await sleep(300);
    expect(await statusOf(second)).toBe('submitted');
    expect(begun.filter((tenant) => tenant === 'acme-corp')).toHaveLength(CPUS);
  });

  it('should begin at once in another kind too, and not where their tenant runs something', async () => {
    const [first] = await flood('acme-corp', 10);
    await begins(first!);
    const own = await scene.submit('acme-corp', FILLING, { note: 'acme-corp fills' });
    const others = await scene.submit('globex', FILLING, { note: 'globex fills' });
    await begins(others);
    expect(await statusOf(own)).toBe('submitted');
  });

  it('should find a place where all of their kind are taken', async () => {
    // Four places, and jobs that take no CPUs.
    const jobs = [];
    for (let at = 0; at < 6; at++) jobs.push(await dig('acme-corp', 'acme-corp', { cpus: 0 }));
    await begins(jobs[3]!);
    const guest = await dig('globex', 'globex', { cpus: 0 });
    await begins(guest);
    expect(begun).toEqual(['acme-corp', 'acme-corp', 'acme-corp', 'acme-corp', 'globex']);
    // A place that acme gives back is the next tenant's, while acme has more than anybody.
    const third = await dig('initech', 'initech', { cpus: 0 });
    await end(jobs[0]!);
    await begins(third);
    expect(await statusOf(jobs[4]!)).toBe('submitted');
  });

  it('should take turns where several tenants wait', async () => {
    const [first] = await flood('acme-corp', 10);
    await begins(first!);
    const running = await dig('globex');
    await begins(running);
    const waiting = [await dig('initech'), await dig('umbrella')];
    for (const next of waiting) {
      const ended = next === waiting[0] ? first! : running;
      await end(ended);
      await begins(next);
    }
    expect(begun.slice(CPUS + 1, CPUS + 3)).toEqual(['initech', 'umbrella']);
  });

  it('should wait where only memory is short, of which no more is given than there is', async () => {
    const large = await dig('acme-corp', 'acme-corp', { memory_bytes: MEMORY });
    await begins(large);
    const other = await dig('globex', 'globex', { memory_bytes: 1 });
    await sleep(300);
    expect(await statusOf(other)).toBe('submitted');
    await end(large);
    await begins(other);
  });

  describe('that can give way', () => {
    it('should do so at a border for a tenant that runs nothing, and go on in their turn', async () => {
      const long = await dig('acme-corp', 'acme-corp yielding', { cpus: 2 });
      await begins(long);
      const guest = await dig('globex');
      await begins(guest);
      expect(await statusOf(long)).toBe('running');

      const third = await dig('initech');
      await begins(third);
      const given = await scene.until(long, ({ status }) => status !== 'running' || begun.length > 3);
      expect(given).toMatchObject({ attempt: given.status === 'submitted' ? 1 : 2, uncountedAttempts: 1 });
      expect(begun.slice(0, 3)).toEqual(['acme-corp yielding', 'globex', 'initech']);
      const acme = await scene.service.as('acme-corp', 'viewer');
      const { data } = (await acme.get(`/api/v1/test/digging/${long.id}/logs`)).body;
      expect(data).toContainEqual(
        expect.objectContaining({
          attempt: 1,
          level: 'info',
          message:
            'attempt 1 stopped: it gave way to a job of a tenant that ran nothing, and goes on in its turn',
        }),
      );
      await end(guest);
      await end(third);
      await begins(long);
      await end(long);
      expect(await scene.read(long)).toMatchObject({ status: 'succeeded', attempt: 2, uncountedAttempts: 1 });
    });

    it('should not do so for a tenant that runs something, nor for their own', async () => {
      const long = await dig('acme-corp', 'acme-corp yielding', { cpus: 2 });
      await begins(long);
      await begins(await dig('globex'));
      await dig('globex');
      await dig('acme-corp');
      await sleep(500);
      expect(await scene.read(long)).toMatchObject({ status: 'running', attempt: 1, uncountedAttempts: 0 });
    });

    it.each(['cancelled', 'paused'] as const)('should be %s where that was asked before', async (status) => {
      scene.let(DIGGING, async (attempt) => {
        await held(attempt);
        return { type: 'gave_way' };
      });
      const job = await dig('acme-corp');
      await begins(job);
      await scene.part(JobsService)[status === 'paused' ? 'pause' : 'cancel']('acme-corp', DIGGING, job.id);
      finish.get(job.id)!();
      await scene.until(job, (now) => now.status !== 'running');
      await scene.part(JobReconciler).reconcile();
      expect(await scene.read(job)).toMatchObject({ status, attempt: 1 });
    });
  });

  describe('that wait', () => {
    const positions = async (path: string) => {
      const acme = await scene.service.as('acme-corp', 'viewer');
      const { data } = (await acme.get(path)).body as { data: Record<string, unknown>[] };
      return data.map(({ status, queue_position }) => [status, queue_position]);
    };

    it('should say where they stand among those of their tenant and kind', async () => {
      const jobs = await flood('acme-corp', 4);
      await begins(jobs[1]!);
      await scene.submit('acme-corp', FILLING);
      await begins(await dig('globex'));
      await dig('globex');
      const expected = [
        ['submitted', 2],
        ['submitted', 1],
        ['running', null],
        ['running', null],
      ];
      expect(await positions('/api/v1/jobs?kind=digging')).toEqual(expected);
      expect((await positions('/api/v1/jobs'))[0]).toEqual(['submitted', 1]);
      const acme = await scene.service.as('acme-corp', 'viewer');
      const of = async (job: Job<WorkSpec>) =>
        (await acme.get(`/api/v1/test/digging/${job.id}`)).body.queue_position;
      expect([await of(jobs[0]!), await of(jobs[2]!), await of(jobs[3]!)]).toEqual([null, 1, 2]);
      // One that is cancelled leaves its place to those behind it.
      await scene.part(JobsService).cancel('acme-corp', DIGGING, jobs[2]!.id);
      expect([await of(jobs[2]!), await of(jobs[3]!)]).toEqual([null, 1]);
    });
  });
});
