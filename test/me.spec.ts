import type { Client } from './support/client.js';
import { Service } from './support/service.js';
import { signToken } from './support/tokens.js';

const ME = '/api/v1/me';
const TRAINING = {
  model_name: 'm',
  framework: 'sklearn',
  data_config: { train_path: 's3://data/train.csv', target_column: 'y' },
};

describe('what a caller is told of itself', () => {
  let service: Service;
  let acme: Client;

  beforeAll(async () => {
    service = await Service.start({
      env: {
        MODELPLANE_RATE_LIMIT_PER_MINUTE: '1',
        MODELPLANE_RATE_LIMIT_BURST: '500',
        MODELPLANE_PREDICTIONS_MAX_ROWS: '77',
        MODELPLANE_MAX_BODY_BYTES: '1048576',
        MODELPLANE_JOBS_RUNNING_PER_TENANT: '3',
        MODELPLANE_JOBS_OPEN_PER_TENANT: '40',
      },
    });
    acme = await service.as('acme-corp', 'scientist');
  });
  afterAll(() => service?.stop());

  const open = async (client: Client, kind = 'training') =>
    (await client.get(ME)).body.jobs.find((each: { kind: string }) => each.kind === kind);

  it('should be its tenant, subject and roles, and the limits as they are configured', async () => {
    const { status, body, headers } = await acme.get(ME);
    expect(status).toBe(200);
    expect(body).toEqual({
      tenant_id: 'acme-corp',
      subject: 'scientist@acme-corp.example',
      roles: ['scientist'],
      rate_limit: { tokens_per_minute: 1, burst: 500, bytes_per_token: 1024, remaining: expect.any(Number) },
      jobs: expect.any(Array),
      storage: {
        quota_bytes: 20 * 2 ** 30,
        object_bytes: 0,
        artifact_bytes: 0,
        log_bytes: 0,
        reserved_bytes: 0,
      },
      limits: {
        rows_per_prediction: 77,
        samples_per_explanation: 1_000_000,
        body_bytes: 1_048_576,
        plain_body_bytes: 262_144,
        object_bytes: 5 * 2 ** 30,
        uploaded_model_bytes: 512 * 2 ** 20,
        running_jobs_per_kind: 3,
        open_jobs_per_kind: 40,
        waiting_rows_per_process: 25_000,
        explanations_per_process: 3,
        validations_per_process: 2,
        uploaded_model_processes: 7,
        schedules: 100,
        api_keys: 10_000,
        event_streams_per_process: 50,
        presigned_url_seconds: 86_400,
      },
    });
    expect(headers.get('ratelimit')).toContain(`r=${body.rate_limit.remaining};`);
    const kinds = body.jobs.map(({ kind }: { kind: string }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['training', 'batch', 'prediction']));
  });

  it.each(['viewer', 'predictor', 'scientist', 'admin', 'service'] as const)(
    'should be told to the role %s',
    async (role) => {
      expect(await (await service.as('globex', role)).get(ME)).toMatchObject({
        status: 200,
        body: { tenant_id: 'globex', roles: [role] },
      });
    },
  );

  it('should be told to a caller without a role, and to nobody without a token', async () => {
    const token = await signToken({ tenant: 'globex', claims: { roles: ['owner'], sub: undefined } });
    expect(await service.with(token).get(ME)).toMatchObject({
      status: 200,
      body: { tenant_id: 'globex', subject: 'unknown', roles: [] },
    });
    expect((await service.with(undefined).get(ME)).status).toBe(401);
  });

  it('should be told to an API key', async () => {
    const admin = await service.as('acme-corp', 'admin');
    const key = await admin.post('/api/v1/api-keys', { name: 'scorer', roles: ['predictor'] });
    expect(key.status).toBe(201);
    expect(await service.with(key.body.key).get(ME)).toMatchObject({
      status: 200,
      body: { tenant_id: 'acme-corp', subject: expect.stringMatching(/^key:/), roles: ['predictor'] },
    });
  });

  it('should say what is left of the rate limit, which the tenant shares', async () => {
    const [before, others] = [(await acme.get(ME)).body, (await (await service.as('hooli')).get(ME)).body];
    for (let times = 0; times < 5; times++) await (await service.as('acme-corp')).get('/api/v1/models');
    const after = (await acme.get(ME)).body;
    expect(before.rate_limit.remaining - after.rate_limit.remaining).toBe(6);
    expect(others.rate_limit.remaining).toBe(499);
  });

  it('should count the jobs of the tenant that have not ended', async () => {
    expect(await open(acme)).toEqual({ kind: 'training', running: 0, waiting: 0, paused: 0 });
    const ids: string[] = [];
    for (let times = 0; times < 3; times++)
      ids.push((await acme.post('/api/v1/training', TRAINING)).body.job_id as string);
    expect(await open(acme)).toEqual({ kind: 'training', running: 0, waiting: 3, paused: 0 });
    await acme.delete(`/api/v1/training/${ids[0]}`);
    await service.database.query(
      `update jobs set status = 'running', attempt = 1, lease_until = now() + interval '1 hour', started_at = now()
       where id = $1`,
      [ids[1]],
    );
    expect(await open(acme)).toEqual({ kind: 'training', running: 1, waiting: 1, paused: 0 });
    expect(await open(await service.as('hooli'))).toMatchObject({ running: 0, waiting: 0 });
  });

  it('should have no rate limit where none is set', async () => {
    const free = await Service.start({ beside: service, env: { MODELPLANE_RATE_LIMIT_PER_MINUTE: '0' } });
    try {
      expect((await (await free.as('acme-corp')).get(ME)).body.rate_limit).toBeNull();
    } finally {
      await free.stop();
    }
  });
});
