import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from './support/client.js';
import { FEATURES } from './support/churn.js';
import { ApiProcess } from './support/processes.js';
import { required, type Service } from './support/service.js';
import { TcpProxy } from './support/tcp-proxy.js';
import { startWithModels } from './support/trained-models.js';

describe('the prediction log', () => {
  let service: Service;
  let acme: Client;
  let proxy: TcpProxy;
  let modelId: string;
  const processes: ApiProcess[] = [];

  beforeAll(async () => {
    proxy = await TcpProxy.to(required('MODELPLANE_TEST_APP_URL'));
    const started = await startWithModels();
    service = started.service;
    modelId = started.models.churn;
    acme = await service.as('acme-corp');
  });
  afterEach(async () => {
    await Promise.all(processes.splice(0).map((each) => each.kill('SIGKILL')));
  });
  afterAll(async () => {
    await service?.stop();
    await proxy?.cut();
  });

  /** An API whose log reaches the database by way of the proxy. */
  async function startApi(env: Record<string, string> = {}): Promise<[ApiProcess, Client]> {
    const api = await ApiProcess.start(service, {
      MODELPLANE_DATABASE_SYSTEM_URL: proxy.through(service.database.systemUrl),
      ...env,
    });
    processes.push(api);
    return [api, new Client(api.url, acme.token)];
  }

  async function predict(client: Client, times: number, rows = 1): Promise<string[]> {
    const body = { model_id: modelId, features: Array(rows).fill(FEATURES) };
    const ids: string[] = [];
    for (let done = 0; done < times; done += 20) {
      const answers = await Promise.all(
        Array.from({ length: Math.min(20, times - done) }, () => client.post('/api/v1/predictions', body)),
      );
      for (const answer of answers) {
        expect(answer.status).toBe(200);
        ids.push(answer.body.request_id.slice('req-'.length));
      }
    }
    return ids;
  }

  const metric = async (client: Client, name: string): Promise<number> => {
    const text: string = (await client.get('/metrics')).body;
    const line = text.split('\n').find((each) => each.startsWith(name));
    return Number(line?.split(' ').at(-1) ?? 0);
  };

  const IN_MEMORY = 'modelplane_prediction_log_pending_rows{where="memory"}';
  const IN_SEGMENTS = 'modelplane_prediction_log_pending_rows{where="segments"}';
  const TO_DISK = 'modelplane_prediction_log_dropped_total{reason="disk"}';

  /** Everything that was acknowledged so far is in a segment. */
  async function inSegments(client: Client): Promise<void> {
    while ((await metric(client, IN_MEMORY)) > 0) await sleep(20);
    // What was just taken out of memory is being written.
    await sleep(200);
  }

  async function missing(ids: string[]): Promise<string[]> {
    const rows = await service.database.query<{ id: string }>(
      `select id::text from unnest($1::uuid[]) id where not exists
         (select from prediction_log where request_id = id)`,
      [ids],
    );
    return rows.map(({ id }) => id);
  }

  async function untilLogged(ids: string[]): Promise<void> {
    for (const end = Date.now() + 60_000; (await missing(ids)).length > 0; await sleep(50)) {
      if (Date.now() > end) throw new Error(`${(await missing(ids)).length} of ${ids.length} are missing`);
    }
  }

  const segments = async () =>
    (await readdir(join(service.stateDir, 'prediction-log'))).filter((name) => name.endsWith('.segment'));

  it('should lose nothing while the database is away, and answer meanwhile', async () => {
    const [, client] = await startApi();
    const before = await predict(client, 20);
    await proxy.cut();
    const during = await predict(client, 200);
    await inSegments(client);
    expect(await metric(client, IN_SEGMENTS)).toBeGreaterThanOrEqual(200);
    expect(await missing(during)).toHaveLength(200);
    await proxy.restore();
    await untilLogged([...before, ...during, ...(await predict(client, 20))]);
    expect(await metric(client, IN_SEGMENTS)).toBe(0);
  });

  it('should lose nothing that a segment has when its process is killed, and adopt it', async () => {
    const [api, client] = await startApi();
    await proxy.cut();
    const written = await predict(client, 100);
    await inSegments(client);
    const perhaps = await predict(client, 40);
    await api.kill('SIGKILL');
    expect(await missing(written)).toHaveLength(100);
    await proxy.restore();
    await startApi();
    await untilLogged(written);
    // Whatever of the last interval was written is there whole.
    expect((await missing(perhaps)).length).toBeLessThanOrEqual(40);
  });

  it('should write what is left when its process is asked to end', async () => {
    const [api, client] = await startApi();
    const ids = await predict(client, 60);
    await api.kill('SIGTERM');
    expect(await missing(ids)).toEqual([]);
  });

  it('should leave what is left to the next process where the database is away to the end', async () => {
    const [api, client] = await startApi();
    await predict(client, 1);
    await proxy.cut();
    const ids = await predict(client, 60);
    await api.kill('SIGTERM');
    expect(await missing(ids)).toHaveLength(60);
    await proxy.restore();
    await startApi();
    await untilLogged(ids);
  });

  it('should take no more disk than it may, count what is not logged, and go on answering', async () => {
    const [, client] = await startApi({ MODELPLANE_PREDICTION_LOG_MAX_SEGMENT_BYTES: String(2 ** 20) });
    await predict(client, 1);
    await proxy.cut();
    await predict(client, 40, 1000);
    await inSegments(client);
    expect(await metric(client, TO_DISK)).toBeGreaterThan(0);
    expect(await metric(client, 'modelplane_prediction_log_segment_bytes')).toBeLessThanOrEqual(2 ** 20);
    await proxy.restore();
    while ((await metric(client, IN_SEGMENTS)) > 0) await sleep(50);
    await untilLogged(await predict(client, 20));
  });

  it('should leave no segment behind once everything is logged', async () => {
    const [api, client] = await startApi();
    await untilLogged(await predict(client, 20));
    const during = await segments();
    await api.kill('SIGTERM');
    expect((await segments()).length).toBeLessThan(during.length);
  });
});
