import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { QuotasConfig } from '../src/config/index.js';
import { StorageRecount } from '../src/platform/storage/storage-recount.js';
import type { Answer, Client } from './support/client.js';
import { ApiProcess } from './support/processes.js';
import { Service } from './support/service.js';
import { registerModel, upload } from './support/uploads.js';

const QUOTA = 1_000_000;
const OBJECTS = '/api/v1/objects';

describe('the bytes that a tenant keeps', () => {
  let service: Service;
  let acme: Client;

  beforeAll(async () => {
    service = await Service.start({
      env: { MODELPLANE_QUOTA_BYTES: String(QUOTA), MODELPLANE_MIN_FREE_DISK_BYTES: '0' },
    });
    acme = await service.as('acme-corp', 'scientist');
  });
  afterEach(async () => {
    const { body } = await acme.get(`${OBJECTS}?prefix=s3://data/&limit=200`);
    for (const { uri } of body.data) expect((await remove(uri.slice('s3://'.length))).status).toBe(204);
    expect(await kept()).toEqual({ objects: 0, reserved: 0 });
  });
  afterAll(() => service?.stop());

  const put = (path: string, bytes: number, client = acme): Promise<Answer> =>
    client.put(`${OBJECTS}/${path}`, Buffer.alloc(bytes, 'x'));
  const remove = (path: string): Promise<Answer> => acme.delete(`${OBJECTS}/${path}`);

  /** A body of unknown length, in chunks. */
  async function putChunked(path: string, chunks: number, chunkBytes = 10_000): Promise<number> {
    const body = Readable.from(Array(chunks).fill(Buffer.alloc(chunkBytes)) as Buffer[]);
    const response = await fetch(`${service.url}${OBJECTS}/${path}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${acme.token}` },
      body: Readable.toWeb(body) as never,
      duplex: 'half',
    } as RequestInit);
    await response.text();
    return response.status;
  }

  async function kept(client = acme): Promise<{ objects: number; reserved: number }> {
    const { object_bytes: objects, reserved_bytes: reserved } = (await client.get('/api/v1/me')).body.storage;
    return { objects, reserved };
  }

  function expectRefused({ status, body, headers }: Answer): void {
    expect([status, body.code]).toEqual([507, 'QUOTA_EXCEEDED']);
    expect(body.detail).toContain(`${QUOTA} bytes`);
    expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
  }

  it('should be counted as objects are put, replaced and deleted', async () => {
    await put('data/a', 1000);
    await put('tenants/acme-corp/b', 500);
    expect(await kept()).toEqual({ objects: 1500, reserved: 0 });
    await put('data/a', 200);
    expect(await putChunked('tenants/acme-corp/b', 3)).toBe(200);
    expect(await kept()).toEqual({ objects: 30_200, reserved: 0 });
    await remove('tenants/acme-corp/b');
    await remove('tenants/acme-corp/b');
    await remove('data/none');
    expect(await kept()).toEqual({ objects: 200, reserved: 0 });
  });

  it('should never be more than the quota, whatever is put at once, and leave the room that is left', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => put(`data/many/${at}`, 99_999)));
    const stored = answers.filter(({ status }) => status === 200);
    expect(stored).toHaveLength(10);
    answers.filter(({ status }) => status !== 200).forEach(expectRefused);
    expect(await kept()).toEqual({ objects: 999_990, reserved: 0 });
    expect((await put('data/rest', 10)).status).toBe(200);
    expectRefused(await put('data/more', 1));
  });

  it('should hold for bodies of unknown length as for others', async () => {
    await put('data/most', 700_000);
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, at) => putChunked(`data/many/${at}`, 10)),
    );
    expect(answers.filter((status) => status === 200).length).toBeLessThanOrEqual(3);
    expect(answers.filter((status) => status !== 200)).toEqual(
      answers.filter((status) => status !== 200).map(() => 507),
    );
    expect((await kept()).reserved).toBe(0);
    // One after the other each has the room that is left to itself.
    for (let at = 0; at < 8; at++) await putChunked(`data/one/${at}`, 10);
    expect(await kept()).toEqual({ objects: QUOTA, reserved: 0 });
    expect(await putChunked('data/too-much', 1, 1)).toBe(507);
  });

  it('should be those of what is there after many writes and deletes of one object at once', async () => {
    for (let turn = 0; turn < 5; turn++) {
      const answers = await Promise.all(
        Array.from({ length: 9 }, (_, at) =>
          at % 4 === 3 ? remove('data/contended') : put('data/contended', 1000 * (at + 1)),
        ),
      );
      expect(answers.filter(({ status }) => status >= 300)).toEqual([]);
      const read = await acme.get(`${OBJECTS}/data/contended`);
      const objects = read.status === 404 ? 0 : read.body.length;
      expect(await kept()).toEqual({ objects, reserved: 0 });
    }
  });

  it('should be counted of no put that failed', async () => {
    await put('data/file', 10);
    expect((await put('data/file/below', 10)).status).toBe(409);
    expect((await put('modelplane/acme-corp/x', 10)).status).toBe(403);
    expect(await kept()).toEqual({ objects: 10, reserved: 0 });
  });

  it('should be refused past the quota before a byte of the body is read', async () => {
    const { hostname, port } = new URL(service.url);
    const headers = { authorization: `Bearer ${acme.token}`, 'content-length': String(QUOTA + 1) };
    const status = await new Promise((resolve, reject) => {
      const sent = request({ hostname, port, method: 'PUT', path: `${OBJECTS}/data/large`, headers });
      sent.on('response', ({ statusCode }) => {
        resolve(statusCode);
        sent.destroy();
      });
      sent.on('error', reject);
      sent.flushHeaders();
    });
    expect(status).toBe(507);
  });

  it('should leave the connection of a refused body for the next request', async () => {
    await put('data/most', 900_000);
    const { hostname, port } = new URL(service.url);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const send = (method: string, path: string, body: Buffer): Promise<[number | undefined, boolean]> =>
      new Promise((resolve, reject) => {
        const headers = { authorization: `Bearer ${acme.token}`, 'transfer-encoding': 'chunked' };
        const sent = request({ hostname, port, method, path, headers, agent }, (response) => {
          response.resume().on('end', () => resolve([response.statusCode, sent.reusedSocket]));
        });
        sent.on('error', reject);
        sent.end(body);
      });
    expect(await send('PUT', `${OBJECTS}/data/too-large`, Buffer.alloc(300_000))).toEqual([507, false]);
    expect(await send('PUT', `${OBJECTS}/data/small`, Buffer.alloc(10))).toEqual([200, true]);
    agent.destroy();
  });

  it('should be freed by a delete, which always works', async () => {
    await put('data/full', QUOTA);
    expectRefused(await put('data/next', 1));
    expect((await remove('data/full')).status).toBe(204);
    expect((await put('data/next', 1)).status).toBe(200);
  });

  it('should bound presigned URLs, uploads and jobs that write, and nothing that does not', async () => {
    const model = await registerModel(acme, 'regression');
    const presign = (method: string) =>
      acme.post(`${OBJECTS}/presign`, { uri: 's3://data/signed', method, expires_in_seconds: 60 });
    const { url } = (await presign('PUT')).body;
    await put('data/full', QUOTA);
    expect((await fetch(url, { method: 'PUT', body: 'x' })).status).toBe(507);
    expectRefused(await presign('PUT'));
    expect((await presign('GET')).status).toBe(200);
    expectRefused(await upload(acme, model, Buffer.alloc(100)));
    const training = {
      model_name: 'm',
      framework: 'sklearn',
      data_config: { train_path: 's3://data/full', target_column: 'y' },
      hyperparameters: { estimator: 'logistic_regression' },
    };
    await acme.put(`${OBJECTS}/data/train.csv`, '');
    training.data_config.train_path = 's3://data/train.csv';
    expectRefused(await acme.post('/api/v1/training', training));
    expect((await acme.get('/api/v1/models')).status).toBe(200);
    expect((await acme.patch(`/api/v1/models/${model}`, { description: 'x' })).status).toBe(200);
    await remove('data/full');
    expect((await fetch(url, { method: 'PUT', body: 'x' })).status).toBe(200);
  });

  it('should not be those of another tenant', async () => {
    const globex = await service.as('globex', 'scientist');
    await put('data/full', QUOTA);
    expect((await put('tenants/globex/own', 5000, globex)).status).toBe(200);
    expect(await kept(globex)).toEqual({ objects: 5000, reserved: 0 });
    expect(await kept()).toEqual({ objects: QUOTA, reserved: 0 });
    await globex.delete(`${OBJECTS}/tenants/globex/own`);
  });

  it('should be counted anew from the store', async () => {
    const file = (...path: string[]) => join(service.stateDir, 'objects', ...path);
    await put('data/shrunk', 1000);
    await put('data/gone', 1000);
    await put('tenants/acme-corp/kept', 100);
    await truncate(file('data/shrunk'), 300);
    await rm(file('data/gone'));
    // What somebody copies into the tenant's own folder is the tenant's; what lies in a granted one may be anybody's.
    await writeFile(file('tenants/acme-corp/copied'), 'x'.repeat(50));
    await mkdir(file('data/lake'));
    await writeFile(file('data/lake/of-somebody'), 'x'.repeat(70_000));
    expect(await kept()).toEqual({ objects: 2100, reserved: 0 });
    await service.app.get(StorageRecount, { strict: false }).recount();
    expect(await kept()).toEqual({ objects: 450, reserved: 0 });
    await remove('tenants/acme-corp/kept');
    await remove('tenants/acme-corp/copied');
  });

  it('should be given back, or counted, where the process that writes is killed', async () => {
    const api = await ApiProcess.start(service);
    const { hostname, port } = new URL(api.url);
    const headers = { authorization: `Bearer ${acme.token}`, 'content-length': '100000' };
    const sent = request({ hostname, port, method: 'PUT', path: `${OBJECTS}/data/cut`, headers });
    sent.on('error', () => undefined).write('x');
    while ((await kept()).reserved === 0) await sleep(20);
    await api.kill('SIGKILL');
    expect(await kept()).toEqual({ objects: 0, reserved: 100_000 });
    // Another one has died between the last byte and counting it.
    await put('data/written', 700);
    await service.database.query(
      `update stored_items set kind = 'reservation', target = name, until = now() where name = 's3://data/written'`,
    );
    const recount = service.app.get(StorageRecount, { strict: false });
    await recount.arrivals();
    expect(await kept()).toEqual({ objects: 700, reserved: 100_000 });
    await service.database.query(`update stored_items set until = now() where kind = 'reservation'`);
    await recount.arrivals();
    expect(await kept()).toEqual({ objects: 700, reserved: 0 });
  });

  it('should have no bound where there is no quota', async () => {
    const quotas = service.app.get(QuotasConfig, { strict: false });
    quotas.bytes = 0;
    try {
      expect((await put('data/large', 2 * QUOTA)).status).toBe(200);
      expect(await putChunked('data/also-large', 200)).toBe(200);
      expect((await acme.get('/api/v1/me')).body.storage).toMatchObject({
        quota_bytes: null,
        object_bytes: 4 * QUOTA,
      });
    } finally {
      quotas.bytes = QUOTA;
    }
  });
});
