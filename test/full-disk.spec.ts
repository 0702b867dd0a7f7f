import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FEATURES } from './support/churn.js';
import { type Answer, Client } from './support/client.js';
import { ApiProcess } from './support/processes.js';
import type { Service } from './support/service.js';
import { startWithModels, type TrainedModels } from './support/trained-models.js';

const OBJECTS = '/api/v1/objects';
const DISK_MB = 48;

/**
 * Becomes a process whose state folder is a file system of its own, with copies of the objects and with its log: whoever
 * may make user namespaces may mount there, and nobody else sees it.
 */
function onSmallDisk(folder: string, objects: string): string[] {
  const script = `mount -t tmpfs -o size=${DISK_MB}m none "$0" && cp -a "$1" "$0/objects" && shift &&
    : > "$0/log" && { tail --pid=$$ -n +1 -f "$0/log" & exec "$@" >> "$0/log"; }`;
  return ['unshare', '-rm', 'sh', '-c', script, folder, objects];
}

const mayMount =
  spawnSync('unshare', ['-rm', 'sh', '-c', `mount -t tmpfs -o size=1m none ${tmpdir()}`]).status === 0;
const describeWhereMounted = mayMount ? describe : describe.skip;

describeWhereMounted('a service whose disk is full (needs a user namespace that may mount)', () => {
  let service: Service;
  let models: TrainedModels;
  let folder: string;
  const processes: ApiProcess[] = [];

  beforeAll(async () => {
    ({ service, models } = await startWithModels());
    folder = await mkdtemp(join(tmpdir(), 'modelplane-small-'));
  });
  afterEach(() => Promise.all(processes.splice(0).map((each) => each.kill('SIGKILL'))));
  afterAll(async () => {
    await service?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function start(env: Record<string, string>): Promise<Client> {
    const api = await ApiProcess.start(
      service,
      { MODELPLANE_STATE_DIR: folder, MODELPLANE_QUOTA_BYTES: '0', ...env },
      undefined,
      onSmallDisk(folder, join(service.stateDir, 'objects')),
    );
    processes.push(api);
    return new Client(api.url, (await service.as('acme-corp', 'admin')).token);
  }

  const put = (client: Client, name: string, bytes: number): Promise<Answer> =>
    client.put(`${OBJECTS}/tenants/acme-corp/fill/${name}`, Buffer.alloc(bytes));

  /** @returns the names of the objects that filled it, and the answer that said so */
  async function fill(client: Client): Promise<[string[], Answer]> {
    const names: string[] = [];
    let refusal: Answer | undefined;
    // What could not be stored leaves its room free again: ever smaller ones take the rest.
    for (const bytes of [4_000_000, 200_000, 4096]) {
      for (let name = `${bytes}-0`; ; name = `${bytes}-${names.length}`) {
        const answer = await put(client, name, bytes);
        if (answer.status !== 200) {
          refusal = answer;
          break;
        }
        names.push(name);
      }
    }
    return [names, refusal!];
  }

  const predict = (client: Client): Promise<Answer> =>
    client.post('/api/v1/predictions', { model_id: models.churn, features: FEATURES });

  const dropped = async (client: Client): Promise<number> => {
    const text: string = (await client.get('/metrics')).body;
    return Number(/prediction_log_dropped_total\{reason="disk"\} (\d+)/.exec(text)?.[1]);
  };

  async function untilLogged(client: Client): Promise<void> {
    for (;;) {
      const { body } = await predict(client);
      await sleep(300);
      if ((await client.get(`/api/v1/predictions/${body.request_id}`)).status === 200) return;
    }
  }

  it('should go on predicting, refuse what writes, delete, and recover by itself', async () => {
    const client = await start({ MODELPLANE_MIN_FREE_DISK_BYTES: '0', MODELPLANE_ROLE: 'all' });
    await untilLogged(client);
    const [names, refusal] = await fill(client);
    expect([refusal.status, refusal.body.code]).toEqual([507, 'STORAGE_FULL']);
    expect(refusal.headers.get('content-type')).toMatch(/^application\/problem\+json/);

    // The service's own log and the segments of the prediction log have no room either.
    while ((await dropped(client)) === 0) {
      const answers = await Promise.all(Array.from({ length: 50 }, () => predict(client)));
      expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
    }
    expect(await client.get('/healthcheck')).toMatchObject({
      status: 200,
      body: { status: 'degraded', degraded: ['disk'], down: [], disk_free_bytes: expect.any(Number) },
    });
    const { body: submitted } = await client.post('/api/v1/training', {
      model_name: 'no disk',
      framework: 'sklearn',
      data_config: { train_path: 's3://data/train.parquet', target_column: 'churned' },
      hyperparameters: { estimator: 'logistic_regression' },
    });
    expect((await client.waitForJob(`/api/v1/training/${submitted.job_id}`)).body).toMatchObject({
      status: 'failed',
      error: { code: 'STORAGE_FULL' },
    });
    for (const name of names)
      expect((await client.delete(`${OBJECTS}/tenants/acme-corp/fill/${name}`)).status).toBe(204);
    expect((await put(client, 'again', 4_000_000)).status).toBe(200);
    await untilLogged(client);
    expect((await client.get('/healthcheck')).body).toMatchObject({ status: 'healthy', degraded: [] });
  });

  it('should keep room for itself', async () => {
    const client = await start({ MODELPLANE_MIN_FREE_DISK_BYTES: String(16 * 2 ** 20) });
    const [names, refusal] = await fill(client);
    expect([refusal.status, refusal.body.code]).toEqual([507, 'STORAGE_FULL']);
    const { body } = await client.get('/healthcheck');
    expect(body.disk_free_bytes).toBeGreaterThan(15 * 2 ** 20);
    // A body of unknown length is cut as soon as the room is used up, and an upload is refused as an object is.
    const form = new FormData();
    form.append('artifact', new Blob([Buffer.alloc(5_000_000)]), 'model.onnx');
    const uploaded = await client.post(`/api/v1/models/${models.churn}/versions`, form);
    expect([uploaded.status, uploaded.body.code]).toEqual([507, 'STORAGE_FULL']);
    expect(await dropped(client)).toBe(0);
    await untilLogged(client);
    for (const name of names) await client.delete(`${OBJECTS}/tenants/acme-corp/fill/${name}`);
    expect((await put(client, 'again', 4_000_000)).status).toBe(200);
  });
});

describe('a database whose disk is full', () => {
  let service: Service;
  let models: TrainedModels;
  let acme: Client;

  beforeAll(async () => {
    ({ service, models } = await startWithModels());
    acme = await service.as('acme-corp', 'admin');
    await service.database.query(
      `create function disk_full() returns trigger language plpgsql as $$
       begin raise exception 'could not extend file' using errcode = '53100'; end $$`,
    );
  });
  afterAll(() => service?.stop());

  const fill = (table: string) =>
    service.database.query(
      `create trigger disk_full before insert on ${table} for each statement execute function disk_full()`,
    );
  const empty = (table: string) => service.database.query(`drop trigger disk_full on ${table}`);

  it('should answer 507 to what writes, and go on reading', async () => {
    await fill('models');
    const model = { name: 'one', model_type: 'regression', framework: 'onnx' };
    const refused = await acme.post('/api/v1/models', model);
    expect([refused.status, refused.body.code]).toEqual([507, 'STORAGE_FULL']);
    expect((await acme.get('/api/v1/models')).status).toBe(200);
    await empty('models');
    expect((await acme.post('/api/v1/models', model)).status).toBe(201);
  });

  it('should lose no prediction of the log meanwhile', async () => {
    await fill('prediction_log');
    const { status, body } = await acme.post('/api/v1/predictions', {
      model_id: models.churn,
      features: FEATURES,
    });
    expect(status).toBe(200);
    await sleep(500);
    expect((await acme.get(`/api/v1/predictions/${body.request_id}`)).status).toBe(404);
    await empty('prediction_log');
    while ((await acme.get(`/api/v1/predictions/${body.request_id}`)).status !== 200) await sleep(50);
  });
});
