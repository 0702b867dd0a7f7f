import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import type { Answer, Client } from './support/client.js';
import { FEATURES } from './support/churn.js';
import type { Service } from './support/service.js';
import { startWithModels } from './support/trained-models.js';

describe('an export of the prediction log', () => {
  let service: Service;
  let acme: Client;
  let modelId: string;
  let ids: string[];

  beforeAll(async () => {
    const started = await startWithModels({ role: 'all' });
    service = started.service;
    modelId = started.models.churn;
    acme = await service.as('acme-corp', 'scientist');
    ids = [];
    for (let made = 0; made < 120; made++) {
      const request = { model_id: modelId, features: FEATURES };
      ids.push((await acme.post('/api/v1/predictions', request)).body.request_id);
    }
    // Ids of one millisecond have no order among them.
    ids.sort();
    while ((await acme.get(`/api/v1/predictions/${ids.at(-1)}`)).status === 404) await sleep(20);
  });
  afterAll(() => service?.stop());

  const submit = (body: object, client = acme) =>
    client.post(`/api/v1/models/${modelId}/predictions/export`, body);

  const ended = ({ body }: Answer) => acme.waitForJob(`/api/v1/predictions/exports/${body.job_id}`);

  async function content(key: string): Promise<Buffer> {
    const headers = { authorization: `Bearer ${acme.token}` };
    const answer = await fetch(`${acme.url}/api/v1/objects/predictions/${key}`, { headers });
    expect(answer.status).toBe(200);
    return Buffer.from(await answer.arrayBuffer());
  }

  const rows = (bytes: Buffer) =>
    bytes
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));

  it('should hold every prediction as the log answers it, oldest first', async () => {
    const submitted = await submit({ output_path: 's3://predictions/log/all.jsonl' });
    expect([submitted.status, submitted.body.status]).toEqual([202, 'submitted']);
    const { body } = await ended(submitted);
    const bytes = await content('log/all.jsonl');
    expect(body).toMatchObject({
      status: 'succeeded',
      result: {
        count: 120,
        size_bytes: bytes.length,
        sha256: createHash('sha256').update(bytes).digest('hex'),
      },
    });
    const found = rows(bytes);
    expect(found.map(({ request_id }) => request_id)).toEqual(ids);
    expect(found[0]).toEqual((await acme.get(`/api/v1/predictions/${ids[0]}`)).body);
  });

  it('should hold only the time and version that were asked for, compressed by its name', async () => {
    const { body: first } = await acme.get(`/api/v1/predictions/${ids[100]}`);
    const path = 's3://predictions/log/some.jsonl.gz';
    await ended(await submit({ output_path: path, from: first.time, version: '1.0.0' }));
    const found = rows(gunzipSync(await content('log/some.jsonl.gz')));
    expect(found.length).toBeGreaterThanOrEqual(20);
    expect(found.length).toBeLessThan(120);
    expect(found.at(-1).request_id).toBe(ids.at(-1));
    const none = await ended(
      await submit({ output_path: 's3://predictions/log/none.jsonl', version: '9.0.0' }),
    );
    expect(none.body.result).toMatchObject({ count: 0, size_bytes: 0 });
  });

  it('should be listed, and have a log and events as every job', async () => {
    const { body } = await ended(await submit({ output_path: 's3://predictions/log/listed.jsonl' }));
    const path = '/api/v1/predictions/exports';
    const [newest] = (await acme.get(`${path}?status=succeeded&limit=1`)).body.data;
    const { request: _, ...listed } = body;
    expect(newest).toEqual(listed);
    expect(body).toMatchObject({ attempt: 1, cancel_requested: false, warnings: [], error: null });
    expect((await acme.get(`${path}/${body.job_id}/logs`)).body.data).toEqual([]);
    const headers = { authorization: `Bearer ${acme.token}` };
    const events = await (await fetch(`${acme.url}${path}/${body.job_id}/events`, { headers })).text();
    expect(events.match(/(?<=^event: ).*/gm)).toEqual(['succeeded']);
    expect((await acme.get(`${path}?status=unknown`)).status).toBe(400);
  });

  it('should not replace an object unless it is asked to', async () => {
    const output_path = 's3://predictions/log/twice.jsonl';
    await ended(await submit({ output_path }));
    const again = await submit({ output_path });
    expect([again.status, again.body.code]).toEqual([409, 'OBJECT_CONFLICT']);
    expect((await ended(await submit({ output_path, overwrite: true }))).body.status).toBe('succeeded');
  });

  it.each([
    [{ output_path: 's3://tenants/globex/x.jsonl' }, 403, 'FORBIDDEN'],
    [{ output_path: 's3://modelplane/acme-corp/x.jsonl' }, 403, 'FORBIDDEN'],
    [{ output_path: 's3://predictions/log/' }, 400, 'INVALID_REQUEST'],
    [{ output_path: '/etc/passwd' }, 400, 'INVALID_REQUEST'],
    [{}, 400, 'INVALID_REQUEST'],
    [{ output_path: 's3://predictions/x', from: 'now' }, 400, 'INVALID_REQUEST'],
    [
      { output_path: 's3://predictions/x', from: '2026-02-02T00:00:00Z', to: '2026-02-01T00:00:00Z' },
      400,
      'INVALID_REQUEST',
    ],
    [{ output_path: 's3://predictions/x', format: 'csv' }, 400, 'INVALID_REQUEST'],
  ])('should refuse %j', async (body, status, code) => {
    const answer = await submit(body);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  it('should be asked for by who may see data alone', async () => {
    const predictor = await service.as('acme-corp', 'predictor');
    expect((await submit({ output_path: 's3://predictions/x' }, predictor)).status).toBe(403);
    const globex = await service.as('globex');
    const theirs = await submit({ output_path: 's3://tenants/globex/x' }, globex);
    expect([theirs.status, theirs.body.code]).toEqual([404, 'MODEL_NOT_FOUND']);
  });
});
