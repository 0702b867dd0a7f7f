import { Database } from '../src/platform/database/database.js';
import { GoesOn, type Outcome } from '../src/platform/jobs/job-handlers.js';
import type { EventBody } from '../src/platform/jobs/job-events.repository.js';
import { JobsService } from '../src/platform/jobs/jobs.service.js';
import { DIGGING, JobScene, success, type WorkSpec } from './support/job-scene.js';

const named = (note: string) => (spec: WorkSpec) => ({ ...spec, note });

describe('a job', () => {
  let scene: JobScene;

  beforeAll(async () => {
    scene = await JobScene.open();
    scene.start(DIGGING);
  });
  afterEach(() => scene.clear());
  afterAll(() => scene?.stop());

  const amend = (tenant: string, id: string, note: string) =>
    scene.part(JobsService).amend(tenant, DIGGING, id, named(note));

  it('should go on in an attempt that is not counted where it was given more to do', async () => {
    const notes: string[] = [];
    scene.let(DIGGING, async ({ job, claim }): Promise<Outcome<object>> => {
      notes.push(job.spec.note);
      // Nobody but the commit hears of it.
      if (claim.attempt === 1) await amend('acme-corp', job.id, 'more');
      const commit: Extract<Outcome<object>, { type: 'succeeded' }>['commit'] = async (_, row) => {
        if ((row.spec as WorkSpec).note !== job.spec.note) throw new GoesOn('there is more to do');
        return { done: job.spec.note };
      };
      return { type: 'succeeded', metrics: {}, commit };
    });
    const job = await scene.ended(await scene.submit('acme-corp', DIGGING, { note: 'some' }));
    expect(job).toMatchObject({
      status: 'succeeded',
      attempt: 2,
      uncountedAttempts: 1,
      result: { done: 'more' },
    });
    expect(notes).toEqual(['some', 'more']);
    const { data } = await scene.part(JobsService).logs('acme-corp', DIGGING, job.id, { limit: 10 });
    expect(data).toMatchObject([{ level: 'info', message: 'attempt 1 stopped: there is more to do' }]);
  });

  it('should be amended while it is open, by its own tenant alone', async () => {
    scene.let(DIGGING, async () => success());
    const job = await scene.ended(await scene.submit('acme-corp'));
    await expect(amend('acme-corp', job.id, 'late')).rejects.toMatchObject({ code: 'JOB_ENDED' });
    await expect(amend('globex', job.id, 'theirs')).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
    expect((await scene.read(job)).spec).toEqual({ note: 'a note' });
  });

  it('should have its events kept once each, in their order, or none of what could not be written', async () => {
    const kept: EventBody[] = [];
    let refusals = 1;
    scene.let(DIGGING, async (attempt) => {
      attempt.keepEvents(async ({ manager }, events) => {
        const [{ count }] = await manager.query('select count(*)::int from job_events');
        if (events.length > 0 && refusals-- > 0) throw new Error('the database is away');
        expect(count).toBeGreaterThanOrEqual(events.length);
        kept.push(...events);
      });
      for (const message of ['one', 'two']) attempt.report({ type: 'log', level: 'info', message });
      // The first heartbeat writes them in vain, the second one writes them.
      while (kept.length === 0) await attempt.wait(0.05);
      attempt.report({ type: 'log', level: 'info', message: 'three' });
      return success();
    });
    const job = await scene.ended(await scene.submit('acme-corp'));
    expect(job.status).toBe('succeeded');
    expect(kept.map(({ type, data }) => data.message ?? type)).toEqual(['one', 'two', 'three', 'succeeded']);
    const rows = await scene
      .part(Database)
      .asTenant('acme-corp', ({ manager }) => manager.query('select data from job_events order by seq'));
    expect(rows).toHaveLength(4);
  });

  it('should be found as the newest of its kind in a state', async () => {
    scene.let(DIGGING, async ({ job }) =>
      job.spec.note === 'bad' ? { type: 'failed', code: 'DATA_UNFIT', message: 'no' } : success(),
    );
    for (const note of ['good', 'bad'])
      await scene.ended(await scene.submit('acme-corp', DIGGING, { note, cpus: 1 }));
    const newest = (tenant: string, note?: string) =>
      scene.part(JobsService).newest(tenant, DIGGING, ['succeeded', 'running'], { note });
    expect(await newest('acme-corp')).toMatchObject({ spec: { note: 'good', cpus: 1 } });
    expect(await newest('acme-corp', 'bad')).toBeNull();
    expect(await newest('globex')).toBeNull();
  });
});
