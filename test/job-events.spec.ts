import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Database } from '../src/platform/database/database.js';
import { JobReconciler } from '../src/platform/jobs/job-reconciler.js';
import { JobEventsRepository } from '../src/platform/jobs/job-events.repository.js';
import { JobsRepository } from '../src/platform/jobs/jobs.repository.js';
import type { Client } from './support/client.js';
import { makeData } from './support/data.js';
import { EventStream } from './support/event-stream.js';
import { Service } from './support/service.js';
import { signToken } from './support/tokens.js';

describe('the events of a job', () => {
  let service: Service;
  let acme: Client;

  beforeAll(async () => {
    service = await Service.start({
      env: { MODELPLANE_EVENT_STREAMS_PER_TENANT: '3', MODELPLANE_RECEIVE_SECONDS: '1' },
    });
    acme = await service.as('acme-corp');
  });
  afterAll(() => service?.stop());

  const part = <T>(type: abstract new (...args: never[]) => T): T => service.app.get(type, { strict: false });
  const pathOf = (job: string) => `/api/v1/training/${job}/events`;

  /** A job that some worker runs: its row, claimed for an hour. */
  async function running(attempt = 1): Promise<string> {
    const id = `train-${randomUUID()}`;
    await service.database.query(
      `insert into jobs (id, tenant_id, kind, status, spec, submitted_by, engine, attempt, lease_until)
       values ($1, 'acme-corp', 'training', 'running', '{}', 'ana', 'local', $2, now() + interval '1 hour')`,
      [id, attempt],
    );
    return id;
  }

  /** What the job says, as its worker writes it. */
  function say(jobId: string, attempt: number, ...seqs: number[]): Promise<void> {
    const data = { level: 'info', message: 'two\nlines' };
    const events = seqs.map((seq) => ({ tenantId: 'acme-corp', jobId, attempt, seq, type: 'log', data }));
    return part(Database).asTenant('acme-corp', (scope) => part(JobEventsRepository).add(scope, events));
  }

  async function succeed(job: string, attempt: number, seq: number): Promise<void> {
    await part(Database).asTenant('acme-corp', async (scope) => {
      const held = { tenant: 'acme-corp', id: job, attempt };
      await part(JobsRepository).end(scope, held, { status: 'succeeded', result: {} });
      const last = {
        tenantId: 'acme-corp',
        jobId: job,
        attempt,
        seq,
        type: 'succeeded',
        data: { result: {} },
      };
      await part(JobEventsRepository).add(scope, [last]);
    });
  }

  it('should come as they are written, and end with the last', async () => {
    const job = await running();
    await say(job, 1, 1, 2);
    const stream = await EventStream.open(acme, pathOf(job));
    expect(stream.status).toBe(200);
    expect(stream.contentType).toMatch(/^text\/event-stream/);
    await stream.until(2);
    await say(job, 1, 3);
    await stream.until(3);
    await succeed(job, 1, 4);
    await stream.ended;
    expect(stream.ids).toEqual(['1:1', '1:2', '1:3', '1:4']);
    expect(stream.events[0]).toEqual({
      id: '1:1',
      type: 'log',
      data: {
        type: 'log',
        level: 'info',
        message: 'two\nlines',
        attempt: 1,
        seq: 1,
        time: expect.any(String),
      },
    });
    expect(stream.events.at(-1)).toMatchObject({ type: 'succeeded' });
  });

  it('should come all at once of a job that has ended', async () => {
    const job = await running(2);
    await say(job, 1, ...Array.from({ length: 1200 }, (_, at) => at + 1));
    await succeed(job, 2, 1);
    const stream = await EventStream.open(acme, pathOf(job));
    await stream.ended;
    expect(stream.ids).toEqual([...Array.from({ length: 1200 }, (_, at) => `1:${at + 1}`), '2:1']);
  });

  it('should be missed by nobody and seen twice by nobody who comes back with the last id', async () => {
    const job = await running(2);
    const written: string[] = [];
    const writing = (async () => {
      for (const attempt of [1, 2]) {
        for (let seq = 1; seq <= 40; seq++) {
          await say(job, attempt, seq);
          written.push(`${attempt}:${seq}`);
          await sleep(5);
        }
      }
      await succeed(job, 2, 41);
    })();

    const seen: string[] = [];
    let visits = 0;
    while (seen.at(-1) !== '2:41') {
      const stream = await EventStream.open(acme, pathOf(job), seen.at(-1));
      await Promise.race([stream.until(7), stream.ended]);
      await stream.leave();
      seen.push(...stream.ids);
      visits++;
    }
    await writing;
    expect(seen).toEqual([...written, '2:41']);
    expect(visits).toBeGreaterThan(2);
  });

  it('should have a last one where the job is cancelled before it starts', async () => {
    const { body } = await acme.post('/api/v1/training', {
      model_name: 'never',
      framework: 'sklearn',
      data_config: { train_path: 's3://data/x.csv', target_column: 'y' },
    });
    const stream = await EventStream.open(acme, pathOf(body.job_id));
    await acme.delete(`/api/v1/training/${body.job_id}`);
    await stream.ended;
    expect(stream.events).toMatchObject([{ id: '0:1', type: 'cancelled' }]);
  });

  it('should have a last one where the worker is lost for good', async () => {
    const job = await running(3);
    await say(job, 3, 1);
    const stream = await EventStream.open(acme, pathOf(job));
    await service.database.query(`update jobs set lease_until = now() - interval '1 s' where id = $1`, [job]);
    await part(JobReconciler).reconcile();
    await stream.ended;
    expect(stream.events).toMatchObject([
      { id: '3:1', type: 'log' },
      { id: '3:2', type: 'log', data: { level: 'error' } },
      { id: '3:3', type: 'failed', data: { errorCode: 'WORKER_LOST' } },
    ]);
  });

  it("should not be another tenant's", async () => {
    const globex = await service.as('globex');
    const job = await running();
    await say(job, 1, 1);
    const { status, body } = await globex.get(pathOf(job));
    expect([status, body.code]).toEqual([404, 'JOB_NOT_FOUND']);
    expect((await acme.get(pathOf(`train-${randomUUID()}`))).status).toBe(404);
    expect((await acme.get(pathOf('nonsense'))).status).toBe(404);
  });

  it.each(['x', '1', '1:', '1:2:3', '-1:2', '9999999999:1'])('should refuse the id %s', async (id) => {
    const { status, body } = await acme.get(pathOf(await running()), { 'last-event-id': id });
    expect([status, body.errors]).toEqual([
      400,
      [{ pointer: 'Last-Event-ID', message: 'must be the id of an event, such as 1:42' }],
    ]);
  });

  it('should be streamed to a tenant only so many times at once', async () => {
    const job = await running();
    const streams = await Promise.all([1, 2, 3].map(() => EventStream.open(acme, pathOf(job))));
    const refused = await acme.get(pathOf(job));
    expect([refused.status, refused.body.code]).toEqual([429, 'RATE_LIMITED']);
    expect(refused.headers.get('retry-after')).toBe('5');
    await streams[0]?.leave();
    let again = await EventStream.open(acme, pathOf(job));
    for (let tries = 0; again.status !== 200 && tries < 100; tries++) {
      await sleep(20);
      again = await EventStream.open(acme, pathOf(job));
    }
    expect(again.status).toBe(200);
    for (const stream of [...streams.slice(1), again]) await stream.leave();
  });

  it('should end with the token that asked for them', async () => {
    const now = Math.floor(Date.now() / 1000);
    const token = await signToken({ tenant: 'acme-corp', claims: { exp: now + 2 } });
    const stream = await EventStream.open(service.with(token), pathOf(await running()));
    await stream.ended;
    expect(stream.events).toEqual([]);
  });

  it('should go on for a client that announces a body, which nobody waits for', async () => {
    const job = await running();
    const stream = await EventStream.open(acme, pathOf(job), undefined, { 'content-length': '5' });
    // Past the time that a body may take.
    await sleep(1500);
    await say(job, 1, 1);
    await stream.until(1);
    await stream.leave();
  });

  it('should not keep the process from stopping', async () => {
    const other = await Service.start({ beside: service });
    const stream = await EventStream.open(await other.as('acme-corp'), pathOf(await running()));
    await other.stop();
    await stream.ended;
  });

  it('should be those of a real training, in the order of its log', async () => {
    const all = await Service.start({ role: 'all' });
    try {
      const scientist = await all.as('acme-corp', 'scientist');
      const files = await makeData('subscribers.csv');
      await scientist.put('/api/v1/objects/data/subscribers.csv', files['subscribers.csv']);
      const { body } = await scientist.post('/api/v1/training', {
        model_name: 'watched',
        framework: 'sklearn',
        data_config: { train_path: 's3://data/subscribers.csv', target_column: 'churn' },
        hyperparameters: { estimator: 'gradient_boosting', n_estimators: 20 },
      });
      const stream = await EventStream.open(scientist, pathOf(body.job_id));
      await stream.ended;
      const types = new Set(stream.events.map(({ type }) => type));
      expect([...types]).toEqual(expect.arrayContaining(['started', 'log', 'progress', 'succeeded']));
      expect(stream.events.at(-1)).toMatchObject({
        type: 'succeeded',
        data: { result: { version: '1.0.0' } },
      });
      expect(stream.ids).toEqual(stream.events.map((_, at) => `1:${at + 1}`));
    } finally {
      await all.stop();
    }
  });
});
