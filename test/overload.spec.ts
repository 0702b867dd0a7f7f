import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, Client } from './support/client.js';
import { FEATURES } from './support/churn.js';
import { ApiProcess } from './support/processes.js';
import { Service, type ServiceOptions } from './support/service.js';
import { POINT_FEATURES as NAMES, startWithModels } from './support/trained-models.js';

describe('more predictions than can be answered', () => {
  let service: Service;
  let token: string | undefined;
  let slow: string;
  let other: string;
  let quick: string;

  beforeAll(async () => {
    const started = await startWithModels();
    service = started.service;
    ({ slow, alsoSlow: other, churn: quick } = started.models);
    token = (await service.as('acme-corp')).token;
  }, 180_000);
  afterAll(() => service?.stop());

  async function beside(env: ServiceOptions['env'], test: (client: Client) => Promise<void>): Promise<void> {
    const api = await Service.start({ beside: service, env });
    try {
      await test(api.with(token));
    } finally {
      await api.stop();
    }
  }

  const rowsFrom = (first: number, count: number) =>
    Array.from({ length: count }, (_, at) =>
      Object.fromEntries(NAMES.map((name, column) => [name, Math.cos((first + at) * (column + 1))])),
    );
  const ask = (client: Client, model_id: string, features: object) =>
    client.post('/api/v1/predictions', { model_id, features });
  const statuses = (answers: Answer[]) => answers.map(({ status }) => status);

  /** Should this machine find the models slow. */
  const NOTHING_IS_REFUSED = {
    MODELPLANE_PREDICTIONS_MAX_WAIT_MS: '600000',
    MODELPLANE_PREDICTIONS_MAX_WAITING_ROWS: '1000000',
  };

  /** What metrics say at one moment, by how their lines begin. */
  async function valuesOf(client: Client, ...starts: string[]): Promise<number[]> {
    const lines = String((await client.get('/metrics')).body).split('\n');
    return starts.map((start) =>
      Number((lines.find((each) => each.startsWith(start)) ?? '').slice(start.length)),
    );
  }
  const valueOf = async (client: Client, start: string) => (await valuesOf(client, start))[0]!;

  const WAITING = 'modelplane_predictions_waiting{of="all"}';
  const ANSWERED = 'modelplane_http_requests_total{method="POST",route="/api/v1/predictions",status="200"}';
  const refused = (client: Client, where: string) =>
    valueOf(client, `modelplane_overloaded_total{where="${where}"}`);

  it('should be refused past the bound of a model, in words, and answered as ever below it', async () => {
    await beside({ MODELPLANE_PREDICTIONS_MAX_WAITING: '3' }, async (client) => {
      await ask(client, slow, rowsFrom(0, 1));
      const asked = Promise.all(Array.from({ length: 20 }, (_, at) => ask(client, slow, rowsFrom(at, 1000))));
      expect((await client.get('/healthcheck/live')).status).toBe(200);
      const answers = await asked;
      const late = answers.filter(({ status }) => status === 503);
      expect(new Set(statuses(answers))).toEqual(new Set([200, 503]));
      expect(late.length).toBeLessThanOrEqual(17);
      for (const { headers, body } of late) {
        expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
        expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
        expect(body).toMatchObject({ status: 503, code: 'OVERLOADED', request_id: expect.any(String) });
        expect(body.detail).toMatch(/^3 requests wait for this model already; try again in \d+ s\.$/);
      }
      expect(await refused(client, 'model')).toBe(late.length);

      for (const [at, { status, body }] of answers.entries()) {
        if (status !== 200) continue;
        const again = await ask(client, slow, rowsFrom(at, 1000));
        expect(again.body.prediction).toEqual(body.prediction);
      }
    });
  });

  it('should be refused where the answer would come too late, also before it is known what a row takes', async () => {
    await beside({ MODELPLANE_PREDICTIONS_MAX_WAIT_MS: '1' }, async (client) => {
      const answers = await Promise.all(
        Array.from({ length: 6 }, (_, at) => ask(client, slow, rowsFrom(at, 1000))),
      );
      const late = answers.filter(({ status }) => status === 503);
      expect(late.length).toBeGreaterThan(0);
      expect(late.length).toBeLessThan(6);
      expect(late[0]!.body.code).toBe('OVERLOADED');
      expect(await refused(client, 'model')).toBe(late.length);
      expect((await ask(client, slow, rowsFrom(0, 1000))).status).toBe(200);
    });
  });

  it('should be refused past the bound of rows, whichever model they are for', async () => {
    await beside({ MODELPLANE_PREDICTIONS_MAX_WAITING_ROWS: '1000' }, async (client) => {
      const answers = await Promise.all(
        [slow, other, slow, other, slow, other].map((model, at) => ask(client, model, rowsFrom(at, 1000))),
      );
      expect(new Set(statuses(answers))).toEqual(new Set([200, 503]));
      const late = answers.filter(({ status }) => status === 503);
      expect(late[0]!.body.detail).toMatch(/^\d+ rows wait for their models already/);
      expect(await refused(client, 'rows')).toBe(late.length);
      expect((await ask(client, slow, rowsFrom(0, 1000))).status).toBe(200);
    });
  });

  it('should not keep another model waiting for all that waits for one', async () => {
    await beside(NOTHING_IS_REFUSED, async (client) => {
      await Promise.all([slow, other].map((model) => ask(client, model, rowsFrom(0, 1000))));
      let done = 0;
      const many = Array.from({ length: 40 }, (_, at) =>
        ask(client, slow, rowsFrom(at, 1000)).finally(() => done++),
      );
      const one = await ask(client, other, rowsFrom(0, 1000));
      expect(one.status).toBe(200);
      expect(done).toBeLessThan(40);
      expect(new Set(statuses(await Promise.all(many)))).toEqual(new Set([200]));
    });
  });

  it('should be answered where they wait for the thread while the process is asked to end', async () => {
    const api = await ApiProcess.start(service, NOTHING_IS_REFUSED);
    try {
      const there = new Client(api.url, token);
      await ask(there, slow, rowsFrom(0, 1000));
      // Ten take far less than the five seconds after which connections are cut.
      const asked = Promise.all(Array.from({ length: 10 }, (_, at) => ask(there, slow, rowsFrom(at, 1000))));
      // One that is answered between two looks would be counted twice: all that have come are seen at one look.
      const arrived = async () => {
        const [waiting, answered] = await valuesOf(there, WAITING, ANSWERED);
        return [waiting! + answered!, waiting!];
      };
      let [all, waiting] = await arrived();
      while (all! < 11) [all, waiting] = await arrived();
      expect(waiting).toBeGreaterThan(0);
      await api.kill('SIGTERM');
      expect(new Set(statuses(await asked))).toEqual(new Set([200]));
    } finally {
      await api.kill('SIGKILL');
    }
  });

  it('should be refused where the main thread is late', async () => {
    const api = await ApiProcess.start(service, {
      MODELPLANE_MAX_DELAY_MS: '1',
      // Nor by anything else, should this machine find the model slow.
      MODELPLANE_PREDICTIONS_MAX_WAITING_ROWS: '1000000',
    });
    const there = new Client(api.url, token);
    const askAll = (rows: number) =>
      Promise.all(Array.from({ length: 600 }, () => ask(there, quick, Array(rows).fill(FEATURES))));
    try {
      await askAll(1); // opens the connections
      const before = await refused(there, 'event_loop');
      api.pause();
      // Bodies small enough to be there with their heads.
      const asked = askAll(100);
      await sleep(1000);
      api.resume();
      const answers = await asked;
      const late = answers.filter(({ status }) => status === 503);
      expect(new Set(statuses(answers))).toEqual(new Set([200, 503]));
      expect(late[0]!.body).toMatchObject({ code: 'OVERLOADED' });
      expect(late[0]!.headers.get('retry-after')).toBe('1');
      expect((await refused(there, 'event_loop')) - before).toBe(late.length);
      expect((await ask(there, quick, FEATURES)).status).toBe(200);
    } finally {
      await api.kill('SIGKILL');
    }
  });
});
