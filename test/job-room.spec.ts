import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from '../src/platform/jobs/job.entity.js';
import { JobsService } from '../src/platform/jobs/jobs.service.js';
import {
  DIGGING,
  FILLING,
  JobScene,
  success,
  untilStopped,
  type WorkAttempt,
  type WorkSpec,
} from './support/job-scene.js';

const CPUS = 4;
const MEMORY = 2 ** 30;

/** What binds the jobs of one tenant among themselves; job-shares.spec.ts has what tenants leave each other. */
describe('the room of a worker', () => {
  let scene: JobScene;
  let used: { cpus: number; memory: number }[];
  let running: { cpus: number; memory: number; jobs: number };

  beforeAll(async () => {
    scene = await JobScene.open({
      env: {
        MODELPLANE_WORKER_CPUS: String(CPUS),
        MODELPLANE_WORKER_MEMORY_BYTES: String(MEMORY),
        MODELPLANE_JOBS_RUNNING_PER_TENANT: '100',
      },
    });
    scene.start(DIGGING, FILLING);
  });
  beforeEach(() => {
    used = [];
    running = { cpus: 0, memory: 0, jobs: 0 };
    scene.let(DIGGING, (attempt) => counted(attempt));
    scene.let(FILLING, (attempt) => counted(attempt));
  });
  afterEach(() => scene.clear());
  afterAll(() => scene?.stop());

  /** Works, and keeps what all jobs take while this one begins. */
  async function counted(attempt: WorkAttempt, work: () => Promise<unknown> = () => sleep(30)) {
    const { cpus = 1, memory_bytes: memory = 0 } = attempt.job.spec;
    running = { cpus: running.cpus + cpus, memory: running.memory + memory, jobs: running.jobs + 1 };
    used.push(running);
    await work();
    running = { cpus: running.cpus - cpus, memory: running.memory - memory, jobs: running.jobs - 1 };
    return success();
  }

  const most = (of: 'cpus' | 'memory') => Math.max(...used.map((each) => each[of]));

  it('should hold the CPUs and the memory of the jobs of all kinds together', async () => {
    const jobs: Job<WorkSpec>[] = [];
    for (let round = 0; round < 8; round++) {
      jobs.push(await scene.submit('acme-corp', DIGGING, { cpus: 1 + (round % 3) }));
      jobs.push(await scene.submit('acme-corp', FILLING, { memory_bytes: Math.floor(0.4 * MEMORY) }));
    }
    for (const job of jobs) expect(await scene.ended(job)).toMatchObject({ status: 'succeeded' });
    expect(most('cpus')).toBeLessThanOrEqual(CPUS);
    expect(most('memory')).toBeLessThanOrEqual(MEMORY);
  });

  it('should be kept for a big job while small ones come for ever', async () => {
    let isDone = false;
    scene.let(DIGGING, async (attempt) => {
      const outcome = await counted(attempt);
      if (!isDone) await scene.submit(attempt.claim.tenant, DIGGING);
      return outcome;
    });
    for (let count = 0; count < 2 * CPUS; count++) await scene.submit('acme-corp', DIGGING);
    const big = await scene.submit('acme-corp', FILLING, { cpus: CPUS });
    try {
      expect(await scene.ended(big)).toMatchObject({ status: 'succeeded' });
    } finally {
      isDone = true;
    }
    expect(most('cpus')).toBeLessThanOrEqual(CPUS);
  });

  it('should be given back by a big job that is cancelled while it waits', async () => {
    let finish = (): void => undefined;
    const gate = new Promise<void>((resolve) => (finish = resolve));
    scene.let(DIGGING, (attempt) => counted(attempt, () => gate));
    const held = await scene.running(await scene.submit('acme-corp', DIGGING, { cpus: CPUS - 1 }));
    const big = await scene.submit('acme-corp', FILLING, { cpus: CPUS });
    await sleep(200);
    const small = await scene.submit('acme-corp', FILLING);
    await scene.part(JobsService).cancel('acme-corp', FILLING, big.id);
    expect(await scene.ended(small)).toMatchObject({ status: 'succeeded' });
    expect((await scene.read(held)).status).toBe('running');
    finish();
    await scene.ended(held);
  });

  it('should be had alone by a job that asks for more CPUs than there are', async () => {
    const jobs = [
      await scene.submit('acme-corp', DIGGING),
      await scene.submit('acme-corp', FILLING, { cpus: 64 }),
    ];
    for (let count = 0; count < 6; count++) jobs.push(await scene.submit('acme-corp', DIGGING));
    for (const job of jobs) expect(await scene.ended(job)).toMatchObject({ status: 'succeeded' });
    const alone = used.filter(({ cpus }) => cpus >= 64);
    expect(alone).toEqual([{ cpus: 64, memory: 0, jobs: 1 }]);
  });

  it('should fail a job that asks for more memory than there is, rather than let it wait for ever', async () => {
    const job = await scene.submit('acme-corp', DIGGING, { memory_bytes: 2 * MEMORY });
    expect(await scene.ended(job)).toMatchObject({
      status: 'failed',
      attempt: 1,
      errorCode: 'WORKER_TOO_SMALL',
      errorMessage: 'The job asks for 2048 MiB of memory; a worker of this service has 1024 MiB.',
    });
    expect(used).toEqual([]);
  });

  it('should be free again after a job that failed, was cancelled or was paused', async () => {
    for (const how of ['cancel', 'pause'] as const) {
      scene.let(DIGGING, untilStopped);
      const job = await scene.running(await scene.submit('acme-corp', DIGGING, { cpus: CPUS }));
      await scene.part(JobsService)[how]('acme-corp', DIGGING, job.id);
      await scene.until(job, ({ status }) => status !== 'running');
    }
    scene.let(DIGGING, async () => ({ type: 'failed', code: 'DATA_UNFIT', message: 'no' }));
    await scene.ended(await scene.submit('acme-corp', DIGGING, { cpus: CPUS }));
    expect(await scene.ended(await scene.submit('acme-corp', FILLING, { cpus: CPUS }))).toMatchObject({
      status: 'succeeded',
    });
  });
});
