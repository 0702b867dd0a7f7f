import { createHash } from 'node:crypto';
import { Database } from '../src/platform/database/database.js';
import { PredictionLogService } from '../src/modules/prediction-log/prediction-log.service.js';
import { BatchScene } from './support/batch-scene.js';
import { download, parseLines, readOutput } from './support/batches.js';

const MISFITS = [
  '{"total_orders": 1, "days_since_last_order": 2, "avg_order_value": 3, "support_tickets": 4}',
  '{"total_orders": "many"}',
].join('\n');

describe('a batch in the prediction log', () => {
  let scene: BatchScene;

  beforeAll(async () => {
    scene = await BatchScene.start();
    await scene.put('misfits.jsonl', MISFITS);
  });
  afterAll(() => scene?.stop());

  const scored = () =>
    scene.score({ model_id: scene.churn, input_path: 's3://data/misfits.jsonl', max_error_share: 0.5 });

  it('should be one entry that says where its rows lie, from the moment at which it has ended', async () => {
    const { acme, churn } = scene;
    const { job, folder, manifest } = await scored();
    const { request_id } = job.result as { request_id: string };
    expect(request_id).toBe(String(job.job_id).replace('batch-', 'req-'));
    expect(manifest.request_id).toBe(request_id);
    const { status, body } = await acme.get(`/api/v1/predictions/${request_id}`);
    expect(status).toBe(200);
    expect(body).toEqual({
      request_id,
      model_id: churn,
      version: '1.0.0',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      row_count: 2,
      latency_ms: expect.any(Number),
      features: null,
      prediction: null,
      batch: {
        job_id: job.job_id,
        input_path: 's3://data/misfits.jsonl',
        manifest: `s3://${folder}/_SUCCESS`,
        manifest_sha256: createHash('sha256')
          .update(await download(acme, `${folder}/_SUCCESS`))
          .digest('hex'),
        rows_scored: 1,
        rows_failed: 1,
      },
    });
  });

  it('should be counted with its job as one answered request, and its rows by how they ended', async () => {
    const { acme, churn } = scene;
    const codes = async () => {
      const { data } = (await acme.get(`/api/v1/models/${churn}/prediction-counts?limit=200`)).body;
      const found: Record<string, [number, number]> = { OK: [0, 0], VALIDATION_ERROR: [0, 0] };
      for (const { code, version, requests, rows } of data) {
        expect(version).toBe('1.0.0');
        const [before, rowsBefore] = found[code] as [number, number];
        found[code] = [before + requests, rowsBefore + rows];
      }
      return found;
    };
    const before = await codes();
    await scored();
    const plus = (code: string, requests: number, rows: number) => [
      (before[code] as number[])[0]! + requests,
      (before[code] as number[])[1]! + rows,
    ];
    expect(await codes()).toEqual({ OK: plus('OK', 1, 1), VALIDATION_ERROR: plus('VALIDATION_ERROR', 0, 1) });
  });

  it('should be among the predictions of its model, and in their export, also where it has many rows', async () => {
    const { acme, churn } = scene;
    const request = { model_id: churn, input_path: 's3://data/val.parquet' };
    const { result } = (await scene.score(request)).job as { result: { request_id: string } };
    const { data } = (await acme.get(`/api/v1/models/${churn}/predictions?limit=1`)).body;
    expect(data).toMatchObject([
      { request_id: result.request_id, row_count: 200, batch: { rows_scored: 200 } },
    ]);

    const output_path = 's3://predictions/log/batches.jsonl';
    const submitted = await acme.post(`/api/v1/models/${churn}/predictions/export`, { output_path });
    await acme.waitForJob(`/api/v1/predictions/exports/${submitted.body.job_id}`);
    const lines = parseLines(await download(acme, 'predictions/log/batches.jsonl'));
    expect(lines.at(-1)).toEqual(data[0]);
  });

  it('should name the manifest that is there now, whoever wrote to the folder before', async () => {
    const { acme, churn } = scene;
    const first = await scored();
    const overwrite = {
      model_id: churn,
      input_path: 's3://data/val.parquet',
      output_path: `s3://${first.folder}/`,
      overwrite: true,
    };
    const { job } = await scene.run(overwrite);
    expect(job.status).toBe('succeeded');
    const { manifest } = await readOutput(acme, first.folder);
    expect(manifest.job_id).toBe(job.job_id);
    const digests = [first.job, job].map(async ({ result }) => {
      const { request_id } = result as { request_id: string };
      return (await acme.get(`/api/v1/predictions/${request_id}`)).body.batch.manifest_sha256;
    });
    const content = await download(acme, `${first.folder}/_SUCCESS`);
    const [earlier, now] = await Promise.all(digests);
    expect(now).toBe(createHash('sha256').update(content).digest('hex'));
    expect(earlier).not.toBe(now);
  });

  it('should not be there before it has succeeded, nor for another tenant', async () => {
    const { acme, churn, service } = scene;
    const { job } = await scene.run({ model_id: churn, input_path: 's3://data/misfits.jsonl' });
    expect(job.status).toBe('failed');
    const path = (of: typeof job) => `/api/v1/predictions/${String(of.job_id).replace('batch-', 'req-')}`;
    expect((await acme.get(path(job))).status).toBe(404);
    const globex = await service.as('globex');
    expect((await globex.get(path((await scored()).job))).body.code).toBe('NOT_FOUND');
  });

  it('should not fail a batch that ran until its day was no longer kept', async () => {
    const { acme, churn, service } = scene;
    const requestId = 'req-00000000-0000-7000-8000-000000000001';
    const batch = {
      job_id: 'batch',
      input_path: '',
      manifest: '',
      manifest_sha256: '',
      rows_scored: 1,
      rows_failed: 0,
    };
    const entry = { requestId, modelId: churn, version: '1.0.0', rowCount: 2 ** 40, latencyMs: 1, batch };
    const [database, log] = [service.app.get(Database), service.app.get(PredictionLogService)];
    await database.asTenant('acme-corp', (scope) => log.recordBatch(scope, entry));
    expect((await acme.get(`/api/v1/predictions/${requestId}`)).status).toBe(404);
  });
});
