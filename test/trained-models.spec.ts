import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from './support/client.js';
import { makeData } from './support/data.js';
import { Service } from './support/service.js';

describe('what training makes', () => {
  let service: Service;
  let acme: Client;

  beforeAll(async () => {
    service = await Service.start({ role: 'all' });
    acme = await service.as('acme-corp', 'scientist');
    const files = await makeData(
      'train.parquet',
      'one_class.parquet',
      'spend.jsonl',
      'dated.parquet',
      'dated.csv',
    );
    for (const [name, content] of Object.entries(files)) {
      expect((await acme.put(`/api/v1/objects/data/${name}`, content)).status).toBe(200);
    }
  });
  afterAll(() => service.stop());

  const request = (model_name: string, train_path: string, target_column: string, more: object = {}) => ({
    model_name,
    framework: 'sklearn',
    data_config: { train_path: `s3://data/${train_path}`, target_column },
    ...more,
  });

  async function train(body: object) {
    const submitted = await acme.post('/api/v1/training', body);
    expect(submitted).toMatchObject({ status: 202 });
    const job = (await acme.waitForJob(`/api/v1/training/${submitted.body.job_id}`)).body;
    expect(job).toMatchObject({ status: 'succeeded', error: null });
    const path = `/api/v1/models/${job.result.model_id}/versions/${job.result.version}`;
    return { job, path, version: (await acme.get(path)).body };
  }

  const predict = (model_id: string, version: string, features: object) =>
    acme.post('/api/v1/predictions', {
      model_id,
      version,
      features,
      options: { return_probabilities: true },
    });

  it.each([
    ['extra_trees', 'train.parquet', 'churned', 'gain'],
    ['sgd', 'train.parquet', 'churned', 'coefficient'],
    ['mlp', 'train.parquet', 'churned', 'permutation'],
    ['k_nearest_neighbors', 'train.parquet', 'churned', 'permutation'],
    ['ridge', 'spend.jsonl', 'yearly_spend', 'coefficient'],
    ['lasso', 'spend.jsonl', 'yearly_spend', 'coefficient'],
  ])('trains %s, which predicts', async (estimator, file, target, method) => {
    const { job, path } = await train(
      request(`a ${estimator}`, file, target, {
        hyperparameters: { estimator },
        training_config: { importance: 'fast' },
      }),
    );
    expect(job.result.importance).toMatchObject({ method });
    expect((await acme.get(`${path}/importance`)).body).toMatchObject({ method, version: '1.0.0' });
    const answer = await predict(job.result.model_id, '1.0.0', {
      total_orders: 3,
      days_since_last_order: 200,
      avg_order_value: null,
      support_tickets: 4,
    });
    expect(answer).toMatchObject({ status: 200, body: { prediction: [expect.any(Number)] } });
  });

  it('shows progress of passes, and takes learning rate and batch size', async () => {
    const { job, version } = await train(
      request('passes', 'train.parquet', 'churned', {
        data_config: { train_path: 's3://data/train.parquet', target_column: 'churned', batch_size: 50 },
        training_config: { epochs: 40, learning_rate: 0.01, early_stopping: true, patience: 3 },
        hyperparameters: { estimator: 'mlp' },
      }),
    );
    expect(job.warnings).toEqual([]);
    expect(job.progress).toMatchObject({ learning_rate: 0.01, total_epochs: 40 });
    expect(version.parameters).toMatchObject({ batch_size: 50, learning_rate_init: 0.01, patience: 3 });
  });

  it('keeps importance and a model card as JSON and Markdown with the version', async () => {
    const { version, path, job } = await train(request('carded', 'train.parquet', 'churned'));
    const names = version.importance.features.map(({ name }: { name: string }) => name);
    expect(names.slice(0, 3).sort()).toEqual(['days_since_last_order', 'support_tickets', 'total_orders']);
    expect(version.importance).toMatchObject({
      ...{ method: 'permutation', metric: 'log_loss', rows: 120, repeats: 5, seed: 0 },
      left_out: { features: 0, repeats: 0, rows: 0 },
    });
    const { features: _features, ...summary } = version.importance;
    expect(job.result.importance).toEqual(summary);
    expect(job.progress).toMatchObject({
      ...{ phase: 'publishing', phase_progress: null },
      phase_seconds: { explaining: expect.any(Number) },
      processor_seconds: expect.any(Number),
    });
    expect(version.importance.features[0].mean).toBeGreaterThan(0.05);

    const card = await acme.get(`${path}/card`);
    expect(card).toMatchObject({
      status: 200,
      body: {
        model_name: 'carded',
        version: '1.0.0',
        stage: 'development',
        model: { estimator: 'hist_gradient_boosting', model_type: 'classification', calibration: null },
        target: { name: 'churned', labels: [0, 1] },
        data: { rows_train: 480, rows_validation: 120, split: { kind: 'held_out', share: 0.2 } },
        metrics: version.metrics,
        importance: version.importance,
        limits: expect.arrayContaining([expect.stringMatching(/decided when training stopped/)]),
        lineage: { job_id: job.job_id, train_uris: ['s3://data/train.parquet'] },
      },
    });
    const tag = card.headers.get('etag') as string;
    expect((await acme.get(`${path}/card`, { 'if-none-match': tag })).status).toBe(304);
    const page = await acme.get(`${path}/card`, { accept: 'text/markdown' });
    expect(page.headers.get('content-type')).toBe('text/markdown; charset=utf-8');
    expect(page.headers.get('etag')).not.toBe(tag);
    expect(page.body).toMatch(/^# carded 1\.0\.0\n[\s\S]*## Importance[\s\S]*## Limits/);
    const globex = await service.as('globex', 'admin');
    expect((await globex.get(`${path}/card`)).body.code).toBe('MODEL_NOT_FOUND');
  });

  it('has no importance where none was asked for', async () => {
    const { version, path, job } = await train(
      request('unexplained', 'train.parquet', 'churned', { training_config: { importance: 'none' } }),
    );
    expect(version.importance).toBeNull();
    expect(job.result.importance).toBeNull();
    const answer = await acme.get(`${path}/importance`);
    expect(answer).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    expect(answer.body.detail).toMatch(/was trained with importance: none/);
    expect((await acme.get(`${path}/card`)).body.importance).toBeNull();
    const page = await acme.get(`${path}/card`, { accept: 'text/markdown' });
    expect(page.body).toMatch(/## Importance\n\nNot asked for\.\n/);
  });

  it('keeps every file that the trainer wrote, with its digest and size', async () => {
    const { job, version } = await train(request('whole', 'train.parquet', 'churned'));
    const files = await service.database.query<{ name: string; sha256: string; size: string }>(
      `select f.name, f.sha256, f.size from version_files f join model_versions v on v.id = f.version_id
       where v.model_id = $1 order by f.name`,
      [job.result.model_id],
    );
    const names = ['background', 'baseline', 'card', 'card_markdown', 'core', 'model'];
    expect(files.map(({ name }) => name)).toEqual(names);
    for (const { sha256, size } of files) {
      const content = await readFile(
        join(service.stateDir, 'objects/modelplane/acme-corp/artifacts', sha256),
      );
      expect(createHash('sha256').update(content).digest('hex')).toBe(sha256);
      expect(content.length).toBe(Number(size));
    }
    const { sha256, size } = files.at(-1)!;
    expect(version.artifact).toEqual({ sha256, size_bytes: Number(size) });
  });

  it('has no card for a version without an artifact', async () => {
    const { body } = await acme.post('/api/v1/models', {
      name: 'bare',
      model_type: 'regression',
      framework: 'sklearn',
    });
    const answer = await acme.get(`/api/v1/models/${body.model_id}/versions/1.0.0/card`);
    expect(answer).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    expect(answer.body.detail).toContain('has no artifact yet');
  });

  it.each(['isotonic', 'sigmoid'])(
    'calibrates by %s and tells the metrics before and after',
    async (calibration) => {
      const weights = { class_weight: { '0': 1, '1': 6 } };
      const { version, job } = await train(
        request(`by ${calibration}`, 'train.parquet', 'churned', {
          training_config: { calibration },
          hyperparameters: { estimator: 'logistic_regression', ...weights },
        }),
      );
      expect(version.parameters).toMatchObject({ calibration, ...weights });
      expect(version.metrics.val_loss).toBeLessThan(version.metrics.val_uncalibrated_loss);
      const row = { total_orders: 3, days_since_last_order: 200, avg_order_value: 70, support_tickets: 4 };
      const { body } = await predict(job.result.model_id, '1.0.0', row);
      expect(body.probabilities[0][0] + body.probabilities[0][1]).toBeCloseTo(1, 5);
    },
  );

  it('refuses calibration and class weights that do not fit', async () => {
    const regression = { model_type: 'regression', training_config: { calibration: 'isotonic' } };
    expect(
      await acme.post('/api/v1/training', request('r', 'spend.jsonl', 'yearly_spend', regression)),
    ).toMatchObject({ status: 422, body: { errors: [{ pointer: '/training_config/calibration' }] } });
    const unknown = { training_config: { calibration: 'beta' } };
    expect(
      (await acme.post('/api/v1/training', request('r', 'train.parquet', 'churned', unknown))).status,
    ).toBe(400);
    const negative = { hyperparameters: { estimator: 'sgd', class_weight: { '1': -2 } } };
    expect(
      await acme.post('/api/v1/training', request('r', 'train.parquet', 'churned', negative)),
    ).toMatchObject({ status: 422, body: { errors: [{ pointer: '/hyperparameters/class_weight' }] } });
  });

  it('learns from dates and takes them as text, as milliseconds and as null', async () => {
    const { version, job } = await train(request('dated', 'dated.parquet', 'churned'));
    const input = version.signature.inputs.find(({ name }: { name: string }) => name === 'joined');
    expect(input).toMatchObject({ type: 'timestamp', nullable: true });
    const { model_id } = job.result;
    const ask = (joined: unknown) => predict(model_id, '1.0.0', { orders: 12, joined });
    const text = (await ask('2023-09-14T10:30:00+02:00')).body;
    expect((await ask(Date.UTC(2023, 8, 14, 8, 30))).body.probabilities).toEqual(text.probabilities);
    expect(text.probabilities[0][1]).toBeGreaterThan(
      (await ask('2023-02-14')).body.probabilities[0][1] + 0.2,
    );
    expect((await ask(null)).status).toBe(200);
    const wrong = await ask('2023-02-30');
    expect(wrong.status).toBe(422);
    expect(wrong.body.errors).toEqual([
      { pointer: '/features/joined', message: expect.stringMatching(/must be a date or time such as/) },
    ]);
  });

  describe('a look at the data', () => {
    const validate = (body: object, client = acme) => client.post('/api/v1/training/validate', body);

    it('shows columns, target and estimator without training', async () => {
      const { status, body } = await validate(request('looked at', 'dated.csv', 'churned'));
      expect({ status, body }).toMatchObject({
        status: 200,
        body: {
          is_trainable: true,
          estimator: 'hist_gradient_boosting',
          model_type: 'classification',
          rows_read: 500,
          is_complete: true,
          columns: [
            { name: 'orders', type: 'integer', missing_share: 0, is_used: true, ignored_because: null },
            { name: 'joined', type: 'timestamp', is_used: true, missing_share: expect.any(Number) },
          ],
          target: { name: 'churned', rows: 500, classes: [{ share: expect.any(Number) }, {}], values: null },
          problems: [],
          warnings: [],
        },
      });
      expect((await acme.get('/api/v1/models?name=looked%20at')).body.data).toEqual([]);
      expect((await acme.get('/api/v1/training?model_name=looked%20at')).body.data).toEqual([]);
    });

    it.each([
      ['one_class.parquet', 'churned', 'DATA_UNFIT'],
      ['train.parquet', 'chrned', 'COLUMN_NOT_FOUND'],
      ['absent.parquet', 'churned', 'NOT_FOUND'],
    ])('says of %s with the target %s what the job would: %s', async (file, target, code) => {
      const body = request('fails', file, target);
      const submitted = await acme.post('/api/v1/training', body);
      const job = (await acme.waitForJob(`/api/v1/training/${submitted.body.job_id}`)).body;
      const looked = await validate(body);
      expect(job.error.code).toBe(code);
      expect(looked.body).toMatchObject({ is_trainable: false, problems: [job.error] });
    });

    it('counts in the rate limit and carries the trace of its request', async () => {
      const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
      const body = request('traced', 'train.parquet', 'churned');
      const { headers } = await acme.post('/api/v1/training/validate', body, { traceparent });
      expect(headers.get('ratelimit')).toMatch(/^"tenant";r=\d+;t=\d+$/);
      const traces = await service.database.query(
        `select trace_parent from jobs where kind = 'training-validation' and spec->>'model_name' = 'traced'`,
      );
      expect(traces).toEqual([{ trace_parent: traceparent }]);
    });

    it('refuses what a submission refuses', async () => {
      expect((await validate({ ...request('x', 'train.parquet', 'churned'), colour: 1 })).status).toBe(400);
      const foreign = { ...request('x', 'train.parquet', 'churned') };
      foreign.data_config.train_path = 's3://tenants/globex/x.csv';
      expect((await validate(foreign)).status).toBe(403);
      const viewer = await service.as('acme-corp', 'viewer');
      expect((await validate(request('x', 'train.parquet', 'churned'), viewer)).status).toBe(403);
    });
  });
});
