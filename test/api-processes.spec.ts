import { Agent, request as send } from 'node:http';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from './support/client.js';
import { FEATURES } from './support/churn.js';
import { ApiProcess } from './support/processes.js';
import type { Service } from './support/service.js';
import { startWithModels } from './support/trained-models.js';

/** A connection that is kept, and the process at its other end. */
class Connection {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(
    private readonly url: string,
    private readonly token: string | undefined,
  ) {}

  async pid(): Promise<number> {
    return JSON.parse(await this.ask('GET', '/healthcheck')).worker_pid;
  }

  predict(body: object): Promise<string> {
    return this.ask('POST', '/api/v1/predictions', JSON.stringify(body));
  }

  close(): void {
    this.agent.destroy();
  }

  private ask(method: string, path: string, body?: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' };
      const options = { method, agent: this.agent, ...(body && { headers }) };
      send(this.url + path, options, (response) => {
        response.toArray().then((chunks) => {
          const text = Buffer.concat(chunks as Buffer[]).toString();
          if (response.statusCode === 200) resolve(text);
          else reject(new Error(`${response.statusCode}: ${text}`));
        }, reject);
      })
        .on('error', reject)
        .end(body);
    });
  }
}

describe('several processes of the API', () => {
  let service: Service;
  let token: string | undefined;
  let modelId: string;
  let api: ApiProcess | undefined;
  let connections: Connection[] = [];

  beforeAll(async () => {
    const started = await startWithModels();
    service = started.service;
    modelId = started.models.churn;
    token = (await service.as('acme-corp')).token;
  });
  beforeEach(async () => {
    api = await ApiProcess.start(service, { MODELPLANE_API_PROCESSES: '2' });
    connections = await connectToBoth();
  });
  afterEach(async () => {
    for (const connection of connections) connection.close();
    await api?.kill('SIGKILL');
  });
  afterAll(() => service?.stop());

  async function until(isSo: () => Promise<boolean>): Promise<void> {
    while (!(await isSo())) await sleep(50);
  }

  /** Eight connections, once both processes listen. */
  async function connectToBoth(): Promise<Connection[]> {
    for (;;) {
      const made = Array.from({ length: 8 }, () => new Connection(api!.url, token));
      const pids = await Promise.all(made.map((each) => each.pid()));
      if (new Set(pids).size === 2) return made;
      for (const each of made) each.close();
      await sleep(50);
    }
  }

  async function metric(name: string): Promise<number> {
    const text = String((await new Client(api!.url).get('/metrics')).body);
    return Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.split(' ')[1] ?? 0,
    );
  }

  const pids = () => Promise.all(connections.map((each) => each.pid()));
  const body = () => ({ model_id: modelId, features: FEATURES });
  const isGone = (pid: number) => {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  };

  it('should keep what tenants put from other users of the machine', async () => {
    const scientist = new Client(api!.url, token);
    expect((await scientist.put('/api/v1/objects/data/private/own.csv', 'a\n1\n')).status).toBe(200);
    const path = join(service.stateDir, 'objects', 'data', 'private');
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect((await stat(join(path, 'own.csv'))).mode & 0o777).toBe(0o600);
  });

  it('should share the port, and tell of all of them', async () => {
    expect(new Set(await pids()).size).toBe(2);
    await Promise.all(connections.map((each) => each.predict(body())));
    const answered = 'modelplane_http_requests_total{method="POST",route="/api/v1/predictions",status="200"}';
    expect(await metric(answered)).toBe(connections.length);
    expect(await metric('modelplane_models_loaded')).toBe(2);
    const durations =
      'modelplane_http_request_duration_seconds_count{method="POST",route="/api/v1/predictions"}';
    expect(await metric(durations)).toBe(connections.length);
  });

  it('should lose the connections of one that is killed, and no others, and start another', async () => {
    const before = await pids();
    const [killed] = before as [number];
    process.kill(killed, 'SIGKILL');
    const survivors = connections.filter((_, at) => before[at] !== killed);
    expect(survivors.length).toBeGreaterThan(0);
    for (let times = 0; times < 20; times++) await Promise.all(survivors.map((each) => each.predict(body())));
    const fresh = await connectToBoth();
    connections.push(...fresh);
    const after = await Promise.all(fresh.map((each) => each.pid()));
    expect(after).not.toContain(killed);
    expect(await metric('modelplane_processes')).toBe(2);
    await Promise.all(fresh.map((each) => each.predict(body())));
  });

  it('should answer what was asked before they end', async () => {
    const known = new Set(await pids());
    const asked = connections.map((each) =>
      each.predict({ ...body(), features: Array(1000).fill(FEATURES) }),
    );
    await sleep(20);
    await api!.kill('SIGTERM');
    const answers = await Promise.all(asked);
    for (const answer of answers) expect(JSON.parse(answer).prediction).toHaveLength(1000);
    expect([...known].map(isGone)).toEqual([true, true]);
  });

  it('should end with the first of them', async () => {
    const known = [...new Set(await pids())];
    await api!.kill('SIGKILL');
    await until(async () => known.every(isGone));
  });

  it('should say at the start what is wrong, and not try again', async () => {
    await expect(
      ApiProcess.start(service, { MODELPLANE_API_PROCESSES: '2', MODELPLANE_ROLE: 'all' }),
    ).rejects.toThrow('code 1');
    const port = new URL(api!.url).port;
    const env = { MODELPLANE_API_PROCESSES: '2', MODELPLANE_PORT: port, MODELPLANE_HOST: '127.0.0.1' };
    await expect(ApiProcess.start(service, env)).rejects.toThrow('code 1');
  });
});
