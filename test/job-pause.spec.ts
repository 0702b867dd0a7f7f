import { JobClaimsRepository } from '../src/platform/jobs/job-claims.repository.js';
import { JobReconciler } from '../src/platform/jobs/job-reconciler.js';
import { JobsService } from '../src/platform/jobs/jobs.service.js';
import type { Client } from './support/client.js';
import { DIGGING, FILLING, JobScene, success, untilStopped } from './support/job-scene.js';

const LIMITS = { leaseSeconds: 60, runningPerTenant: 2, maxAttempts: 3 };

describe('a job that is paused', () => {
  let scene: JobScene;
  let acme: Client;

  beforeAll(async () => {
    scene = await JobScene.open({ env: { MODELPLANE_JOBS_RUNNING_PER_TENANT: '1' } });
    acme = await scene.service.as('acme-corp', 'scientist');
  });
  afterEach(() => scene.clear());
  afterAll(() => scene?.stop());

  const claim = () => scene.part(JobClaimsRepository).next(DIGGING.name, 'w', LIMITS);
  const pathOf = ({ id }: { id: string }) => `/api/v1/test/digging/${id}`;

  describe('while no worker runs', () => {
    it('should not be claimed before it is resumed', async () => {
      const job = await scene.submit('acme-corp');
      expect((await acme.post(`${pathOf(job)}/pause`)).body).toMatchObject({ status: 'paused' });
      expect(await claim()).toBeUndefined();
      await scene.part(JobReconciler).reconcile();
      expect((await acme.get(pathOf(job))).body).toMatchObject({ status: 'paused', attempt: 0 });
      // It is paused already.
      expect((await acme.post(`${pathOf(job)}/pause`)).body).toMatchObject({ status: 'paused' });

      expect((await acme.post(`${pathOf(job)}/resume`)).body).toMatchObject({ status: 'submitted' });
      expect(await claim()).toMatchObject({ id: job.id, attempt: 1 });
    });

    it('should be paused by the reconciler where its worker died after it was asked', async () => {
      const job = await scene.submit('acme-corp');
      await claim();
      expect((await acme.post(`${pathOf(job)}/pause`)).body).toMatchObject({ status: 'running' });
      await scene.letLeasesRunOut();
      expect(await claim()).toBeUndefined();
      await scene.part(JobReconciler).reconcile();
      expect((await acme.get(pathOf(job))).body).toMatchObject({ status: 'paused' });
      await acme.post(`${pathOf(job)}/resume`);
      expect(await claim()).toMatchObject({ id: job.id, attempt: 2 });
    });

    it('should go on where that is taken back before its worker has heard of it', async () => {
      const job = await scene.submit('acme-corp');
      await claim();
      await acme.post(`${pathOf(job)}/pause`);
      expect((await acme.post(`${pathOf(job)}/resume`)).body).toMatchObject({ status: 'running' });
      await scene.letLeasesRunOut();
      await scene.part(JobReconciler).reconcile();
      expect(await claim()).toMatchObject({ id: job.id, attempt: 2 });
    });

    it('should be cancelled at once', async () => {
      const job = await scene.submit('acme-corp');
      await acme.post(`${pathOf(job)}/pause`);
      expect((await acme.delete(pathOf(job))).body).toMatchObject({ status: 'cancelled' });
      for (const change of ['pause', 'resume'])
        expect((await acme.post(`${pathOf(job)}/${change}`)).body).toMatchObject({
          status: 409,
          code: 'JOB_ENDED',
        });
    });

    it('should be paused and resumed only in a state that allows it', async () => {
      const job = await scene.submit('acme-corp');
      expect((await acme.post(`${pathOf(job)}/resume`)).body).toMatchObject({
        status: 409,
        code: 'JOB_STATE_CONFLICT',
        detail: 'The job is not paused: its status is submitted.',
      });
      await claim();
      await acme.delete(pathOf(job));
      expect((await acme.post(`${pathOf(job)}/pause`)).body).toMatchObject({
        status: 409,
        code: 'JOB_STATE_CONFLICT',
      });
    });

    it('should be of a kind that can pause', async () => {
      const job = await scene.submit('acme-corp', FILLING);
      expect((await acme.post(`/api/v1/test/filling/${job.id}/pause`)).status).toBe(404);
      await expect(scene.part(JobsService).pause('acme-corp', FILLING, job.id)).rejects.toMatchObject({
        code: 'JOB_STATE_CONFLICT',
        status: 409,
        detail: 'Jobs of the kind filling cannot be paused.',
      });
    });

    it('should be paused by its own tenant alone, and not by one who may only look', async () => {
      const job = await scene.submit('acme-corp');
      const viewer = await scene.service.as('acme-corp', 'viewer');
      const globex = await scene.service.as('globex');
      for (const change of ['pause', 'resume']) {
        expect((await viewer.post(`${pathOf(job)}/${change}`)).status).toBe(403);
        expect((await globex.post(`${pathOf(job)}/${change}`)).body.code).toBe('JOB_NOT_FOUND');
        expect((await acme.post(`${pathOf({ id: 'dig-1' })}/${change}`)).body.code).toBe('JOB_NOT_FOUND');
      }
      expect((await acme.get(pathOf(job))).body.status).toBe('submitted');
    });
  });

  describe('by its worker', () => {
    beforeAll(() => scene.start(DIGGING));

    it('should keep what it has, give its place to the next, and go on when it is resumed', async () => {
      const reasons: unknown[] = [];
      scene.let(DIGGING, async (attempt) => {
        attempt.report({ type: 'progress', progress: { done: attempt.claim.attempt }, metrics: { loss: 1 } });
        if (attempt.job.spec.note !== 'long' || attempt.job.progress) return success({ went: 'on' });
        const outcome = await untilStopped(attempt);
        reasons.push(attempt.stopReason);
        return outcome;
      });
      const job = await scene.running(await scene.submit('acme-corp', DIGGING, { note: 'long' }));
      const next = await scene.submit('acme-corp');
      await acme.post(`${pathOf(job)}/pause`);
      const paused = await scene.until(job, ({ status }) => status === 'paused');
      expect(paused).toMatchObject({
        attempt: 1,
        uncountedAttempts: 1,
        progress: { done: 1 },
        metrics: { loss: 1 },
        leaseUntil: null,
        pauseRequestedAt: null,
        endedAt: null,
      });
      expect(reasons).toEqual(['paused']);
      // The tenant may have one job running.
      expect(await scene.ended(next)).toMatchObject({ status: 'succeeded' });
      expect((await scene.read(job)).status).toBe('paused');

      await acme.post(`${pathOf(job)}/resume`);
      expect(await scene.ended(job)).toMatchObject({
        status: 'succeeded',
        attempt: 2,
        progress: { done: 2 },
        result: { went: 'on' },
      });
    });

    it('should be cancelled rather than paused where both are asked', async () => {
      let stopped = (): void => undefined;
      const gate = new Promise<void>((resolve) => (stopped = resolve));
      scene.let(DIGGING, async (attempt) => {
        const outcome = await untilStopped(attempt);
        await gate;
        return outcome;
      });
      const job = await scene.running(await scene.submit('acme-corp'));
      await acme.post(`${pathOf(job)}/pause`);
      await acme.delete(pathOf(job));
      stopped();
      await scene.until(job, ({ status }) => status !== 'running');
      await scene.part(JobReconciler).reconcile();
      expect(await scene.ended(job)).toMatchObject({ status: 'cancelled' });
    });
  });
});
