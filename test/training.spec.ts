import type { Client } from './support/client.js';
import { makeData } from './support/data.js';
import { Service } from './support/service.js';

/** The request of the API document, as written. */
const SEED = {
  model_name: 'customer_churn_v2',
  framework: 'sklearn',
  data_config: {
    train_path: 's3://data/train.parquet',
    validation_path: 's3://data/val.parquet',
    target_column: 'churned',
    batch_size: 64,
  },
  training_config: {
    strategy: 'data_parallel',
    num_workers: 2,
    use_gpu: false,
    epochs: 50,
    learning_rate: 0.001,
    early_stopping: true,
    patience: 5,
  },
  hyperparameters: { n_estimators: 100, max_depth: 10, min_samples_split: 5 },
};

describe('training', () => {
  let service: Service;
  let acme: Client;

  beforeAll(async () => {
    service = await Service.start({ role: 'all' });
    acme = await service.as('acme-corp', 'scientist');
    const files = await makeData(
      ...['train.parquet', 'val.parquet', 'one_class.parquet', 'tiny.parquet', 'large.parquet'],
      ...['subscribers.csv', 'spend.jsonl', 'tiers.parquet', 'nul.parquet', 'nul_name.parquet'],
    );
    for (const [name, content] of Object.entries(files)) {
      expect((await acme.put(`/api/v1/objects/data/${name}`, content)).status).toBe(200);
    }
  });
  afterAll(() => service.stop());

  const data = (train_path: string, target_column: string) => ({
    train_path: `s3://data/${train_path}`,
    target_column,
  });

  async function submit(request: object): Promise<string> {
    const { status, body } = await acme.post('/api/v1/training', request);
    expect({ status, body }).toMatchObject({ status: 202, body: { status: 'submitted' } });
    return `/api/v1/training/${body.job_id}`;
  }

  async function train(request: object) {
    return (await acme.waitForJob(await submit(request))).body;
  }

  describe('the example of the API document', () => {
    it('is accepted, reports what the document shows, and makes the version 1.0.0 of a new model', async () => {
      const submitted = await acme.post('/api/v1/training', SEED);
      expect(submitted.status).toBe(202);
      expect(submitted.body).toEqual({
        job_id: expect.stringMatching(/^train-[0-9a-f-]{36}$/),
        status: 'submitted',
        model_name: 'customer_churn_v2',
      });

      const { body } = await acme.waitForJob(`/api/v1/training/${submitted.body.job_id}`);
      expect(body).toMatchObject({
        job_id: submitted.body.job_id,
        status: 'succeeded',
        estimator: 'random_forest',
        progress: {
          current_epoch: expect.any(Number),
          total_epochs: expect.any(Number),
          current_loss: expect.any(Number),
          best_loss: expect.any(Number),
          learning_rate: null,
        },
        metrics: {
          train_accuracy: expect.any(Number),
          val_accuracy: expect.any(Number),
          train_loss: expect.any(Number),
          val_loss: expect.any(Number),
          val_roc_auc: expect.any(Number),
          val_f1: expect.any(Number),
          val_brier: expect.any(Number),
          val_calibration_error: expect.any(Number),
        },
        resources: { workers: expect.any(Number), gpus: 0, duration_minutes: expect.any(Number) },
        result: { version: '1.0.0', model_id: expect.any(String) },
        error: null,
        attempt: 1,
      });
      expect(body.metrics.val_roc_auc).toBeGreaterThan(0.8);
      expect(body.warnings.join('\n')).toContain('training_config.learning_rate');

      const version = await acme.get(`/api/v1/models/${body.result.model_id}/versions/1.0.0`);
      expect(version.body).toMatchObject({
        version: '1.0.0',
        stage: 'development',
        ready: true,
        artifact: { size_bytes: expect.any(Number), sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
        metrics: body.metrics,
        parameters: { n_estimators: 100, max_depth: 10, min_samples_split: 5 },
        lineage: {
          job_id: body.job_id,
          data: {
            train_path: 's3://data/train.parquet',
            train_files: [{ uri: 's3://data/train.parquet' }],
            rows_train: 600,
          },
        },
      });
      expect(version.body.signature.inputs.map(({ name }: { name: string }) => name)).toEqual([
        'total_orders',
        'days_since_last_order',
        'avg_order_value',
        'support_tickets',
      ]);

      const { model_id } = body.result;
      const { job_id } = body;
      const events = (await acme.get('/api/v1/events')).body.data;
      expect(events.map(({ type, data }: { type: string; data: object }) => ({ type, data }))).toEqual([
        { type: 'model.registered', data: { model_id } },
        { type: 'model.version_ready', data: { model_id, version: '1.0.0', job_id } },
        { type: 'job.ended', data: { job_id, kind: 'training', status: 'succeeded', error_code: null } },
      ]);
    });

    it('makes a minor version the next time, which is promoted and answers the prediction of the document', async () => {
      await train(SEED);
      const { result } = await train(SEED);
      expect(result.version).toBe('1.2.0');
      const stage = `/api/v1/models/${result.model_id}/stage`;
      expect((await acme.put(stage, { version: '1.2.0', target_stage: 'staging' })).status).toBe(200);
      expect((await acme.put(stage, { version: '1.2.0', target_stage: 'production' })).body).toMatchObject({
        current_version: '1.2.0',
        stage: 'production',
      });

      const { status, body } = await acme.post('/api/v1/predictions', {
        model_id: result.model_id,
        version: '1.2.0',
        features: { total_orders: 15, days_since_last_order: 45, avg_order_value: 125.5, support_tickets: 3 },
        options: { return_probabilities: true, return_explanation: false },
      });
      expect(status).toBe(200);
      expect(body).toEqual({
        request_id: expect.stringMatching(/^req-/),
        model_id: result.model_id,
        version: '1.2.0',
        prediction: [expect.any(Number)],
        probabilities: [[expect.any(Number), expect.any(Number)]],
        classes: [0, 1],
        confidence: expect.any(Number),
        latency_ms: expect.any(Number),
      });
      const [[stays, churns]] = body.probabilities;
      expect(stays + churns).toBeCloseTo(1, 5);
      expect(body.prediction).toEqual([churns > stays ? 1 : 0]);
      expect(body.confidence).toBe(Math.max(stays, churns));
    });
  });

  it('trains on CSV with mixed columns and text labels, and bumps the major number only when old requests no longer fit', async () => {
    const request = {
      model_name: 'subscribers',
      framework: 'lightgbm',
      data_config: data('subscribers.csv', 'churn'),
    };
    const first = await train(request);
    expect(first).toMatchObject({ status: 'succeeded', result: { version: '1.0.0' } });
    const narrower = {
      ...request,
      data_config: { ...request.data_config, exclude_columns: ['zahlungsart'] },
    };
    expect((await train(narrower)).result.version).toBe('1.1.0');
    expect((await train({ ...request, data_config: data('tiers.parquet', 'tier') })).result.version).toBe(
      '2.0.0',
    );

    const { signature } = (await acme.get(`/api/v1/models/${first.result.model_id}/versions/1.0.0`)).body;
    expect(signature.output.labels).toEqual(['no', 'yes']);
    expect(
      Object.fromEntries(
        signature.inputs.map((input: { name: string; type: string }) => [input.name, input.type]),
      ),
    ).toEqual({
      'tenure months': 'integer',
      monthly_charges: 'number',
      contract: 'string',
      zahlungsart: 'string',
      paperless: 'boolean',
    });
  });

  it('trains regression on JSON lines and three classes with xgboost', async () => {
    const spend = await train({
      model_name: 'spend',
      framework: 'sklearn',
      data_config: data('spend.jsonl', 'yearly_spend'),
    });
    expect(spend).toMatchObject({
      status: 'succeeded',
      metrics: { val_rmse: expect.any(Number), val_mae: expect.any(Number) },
    });
    expect(spend.metrics.val_r2).toBeGreaterThan(0.8);

    const tiers = await train({
      model_name: 'tiers',
      framework: 'xgboost',
      data_config: data('tiers.parquet', 'tier'),
    });
    expect(tiers).toMatchObject({ status: 'succeeded', estimator: 'xgboost' });
    expect(tiers.metrics.val_accuracy).toBeGreaterThan(0.9);
  });

  it('reads a folder and a glob as one table', async () => {
    const train_ = await makeData('train.parquet', 'val.parquet');
    await acme.put('/api/v1/objects/tenants/acme-corp/parts/part-0.parquet', train_['train.parquet']);
    await acme.put('/api/v1/objects/tenants/acme-corp/parts/part-1.parquet', train_['val.parquet']);
    for (const path of ['parts/', 'parts', 'parts/part-*.parquet', 'parts/part-{0,1}.parquet']) {
      const data_config = {
        train_path: `s3://tenants/acme-corp/${path}`,
        target_column: 'churned',
        validation_share: 0.25,
      };
      const job = await train({
        model_name: 'parts',
        framework: 'sklearn',
        data_config,
        hyperparameters: { C: 1 },
      });
      expect(job).toMatchObject({ status: 'succeeded', estimator: 'logistic_regression' });
      const { lineage } = (
        await acme.get(`/api/v1/models/${job.result.model_id}/versions/${job.result.version}`)
      ).body;
      expect(lineage.data).toMatchObject({ rows_train: 600, rows_validation: 200 });
    }
  });

  it('takes null for what is left out', async () => {
    const data_config = {
      ...data('train.parquet', 'churned'),
      validation_path: null,
      feature_columns: null,
      format: null,
    };
    const request = {
      model_name: 'nulls',
      framework: 'sklearn',
      data_config,
      training_config: null,
      hyperparameters: null,
    };
    expect(await train({ ...request, model_type: null })).toMatchObject({ status: 'succeeded' });
  });

  describe('refuses before the job starts', () => {
    const request = (change: object) => ({ ...SEED, model_name: 'refused', ...change });

    it.each([
      [
        'an unknown hyperparameter',
        { hyperparameters: { n_estimatros: 10 } },
        '/hyperparameters/n_estimatros',
      ],
      [
        'a hyperparameter of another estimator',
        { hyperparameters: { n_estimators: 10, C: 1 } },
        '/hyperparameters/C',
      ],
      ['a value out of range', { hyperparameters: { n_estimators: 0 } }, '/hyperparameters/n_estimators'],
      ['a value of another type', { hyperparameters: { max_depth: 'deep' } }, '/hyperparameters/max_depth'],
      ['an unknown estimator', { hyperparameters: { estimator: 'svm' } }, '/hyperparameters/estimator'],
      [
        'an estimator that does not do the model type',
        { model_type: 'regression', hyperparameters: { estimator: 'logistic_regression' } },
        '/hyperparameters/estimator',
      ],
    ])('%s, with 422', async (_, change, pointer) => {
      const { status, body } = await acme.post('/api/v1/training', request(change));
      expect({ status, code: body.code }).toEqual({ status: 422, code: 'VALIDATION_ERROR' });
      expect(body.errors.map((error: { pointer: string }) => error.pointer)).toEqual([pointer]);
    });

    it.each([
      ['no body', undefined],
      ['no data_config', { model_name: 'x', framework: 'sklearn' }],
      ['data_config null', request({ data_config: null })],
      ['data_config a list', request({ data_config: [] })],
      ['an unknown field', request({ data_config: { ...SEED.data_config, targets: 'x' } })],
      ['an unknown framework', request({ framework: 'pytorch' })],
      ['hyperparameters as a list', request({ hyperparameters: [1] })],
      ['a negative learning rate', request({ training_config: { learning_rate: -1 } })],
      ['an unknown importance', request({ training_config: { importance: 'shap' } })],
      ['no time for importance', request({ training_config: { importance_seconds: 0 } })],
      ['hours for importance', request({ training_config: { importance_seconds: 3601 } })],
      ['epochs in words', request({ training_config: { epochs: 'many' } })],
      ['an empty target', request({ data_config: { ...SEED.data_config, target_column: '' } })],
      ['a path that is none', request({ data_config: { ...SEED.data_config, train_path: '/etc/passwd' } })],
      [
        'a path that climbs',
        request({ data_config: { ...SEED.data_config, train_path: 's3://data/../x.csv' } }),
      ],
      ['a model name of spaces', request({ model_name: '   ' })],
      ...[['x'], 'number', { x: 'text' }, { x: null }, { constructor: 1 }].map(
        (feature_types): [string, object] => [
          `feature types ${JSON.stringify(feature_types)}`,
          request({ data_config: { ...SEED.data_config, feature_types } }),
        ],
      ),
    ])('%s, with 400', async (_, body) => {
      const answer = await acme.post('/api/v1/training', body);
      expect({ status: answer.status, code: answer.body.code }).toEqual({
        status: 400,
        code: 'INVALID_REQUEST',
      });
    });

    it('a path outside the grants with 403, alike whether something is there or not', async () => {
      const globex = await service.as('globex', 'scientist');
      const attempts = [
        's3://data/train.parquet',
        's3://data/nothing.parquet',
        's3://modelplane/acme-corp/artifacts/x',
        's3://tenants/acme-corp/x.csv',
      ];
      for (const train_path of attempts) {
        const answer = await globex.post(
          '/api/v1/training',
          request({ data_config: { train_path, target_column: 'churned' } }),
        );
        expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 403, code: 'FORBIDDEN' });
      }
      const validation = {
        train_path: 's3://tenants/globex/a.csv',
        validation_path: 's3://data/val.parquet',
        target_column: 'y',
      };
      expect((await globex.post('/api/v1/training', request({ data_config: validation }))).status).toBe(403);
      expect((await globex.get('/api/v1/training')).body.data).toEqual([]);
    });

    it('the id of a model that there is not, with 404, and a name with a stage, with 400', async () => {
      const absent = request({ model_name: '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e' });
      const answer = await acme.post('/api/v1/training', absent);
      expect([answer.status, answer.body.code]).toEqual([404, 'MODEL_NOT_FOUND']);
      const staged = await acme.post('/api/v1/training', request({ model_name: 'churn@staging' }));
      expect(staged).toMatchObject({ status: 400, body: { errors: [{ pointer: '/model_name' }] } });
    });

    it('Ray where none is configured, with 503', async () => {
      const answer = await acme.post('/api/v1/training', request({ training_config: { engine: 'ray' } }));
      expect({ status: answer.status, code: answer.body.code }).toEqual({
        status: 503,
        code: 'RAY_UNAVAILABLE',
      });
    });

    it('another type than the model has, with 422', async () => {
      const model = { name: 'fixed', model_type: 'regression', framework: 'xgboost' };
      expect((await acme.post('/api/v1/models', model)).status).toBe(201);
      const type = request({
        model_name: 'fixed',
        framework: 'xgboost',
        model_type: 'classification',
        hyperparameters: {},
      });
      expect((await acme.post('/api/v1/training', type)).body).toMatchObject({
        status: 422,
        errors: [{ pointer: '/model_type' }],
      });
    });
  });

  it('refuses a body of very many names at once, and lists no more than a hundred faults', async () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`h${at}`, at]));
    const request = (count: number) => ({ ...SEED, model_name: 'refused', hyperparameters: many(count) });
    const tooMany = await acme.post('/api/v1/training', request(15_000));
    expect(tooMany.body).toMatchObject({ status: 400, detail: expect.stringContaining('1000 names') });
    const faults = await acme.post('/api/v1/training', request(500));
    expect(faults.body).toMatchObject({ status: 422 });
    expect(faults.body.errors).toHaveLength(101);
    expect(faults.body.errors[100].message).toBe('and 400 more');
  });

  it('says which path it refuses', async () => {
    const data_config = { ...SEED.data_config, validation_path: 's3://elsewhere/val.parquet' };
    const { body } = await acme.post('/api/v1/training', { ...SEED, data_config });
    expect(body).toMatchObject({ status: 403, errors: [{ pointer: '/data_config/validation_path' }] });
    const wrong = await acme.post('/api/v1/training', {
      ...SEED,
      data_config: { ...data_config, train_path: 'x.csv' },
    });
    expect(wrong.body).toMatchObject({ status: 400, errors: [{ pointer: '/data_config/train_path' }] });
  });

  it('trains with very many column names, and says what is wrong with them', async () => {
    const feature_columns = Array.from({ length: 10_000 }, (_, at) => `column_of_many_${at}`);
    const job = await train({
      ...SEED,
      model_name: 'wide',
      data_config: { ...SEED.data_config, feature_columns },
    });
    expect(job).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'COLUMN_NOT_FOUND' } });
  });

  describe('fails with a sentence that a data scientist can act on', () => {
    it.each([
      ['no such column', data('train.parquet', 'chrned'), 'COLUMN_NOT_FOUND', /chrned.*churned/],
      ['one class only', data('one_class.parquet', 'churned'), 'DATA_UNFIT', /churned/],
      ['not enough rows', data('tiny.parquet', 'churned'), 'DATA_UNFIT', /5 .*rows|rows.* 5/],
      ['no such file', data('nothing.parquet', 'churned'), 'NOT_FOUND', /s3:\/\/data\/nothing\.parquet/],
      [
        'an unreadable file',
        { ...data('subscribers.csv', 'churn'), format: 'parquet' },
        'DATA_UNREADABLE',
        /subscribers\.csv/,
      ],
      ['text with a NUL', data('nul.parquet', 'churned'), 'DATA_UNFIT', /'plan' .*NUL/],
      ['a column name with a NUL', data('nul_name.parquet', 'churned'), 'DATA_UNFIT', /NUL/],
    ])('%s', async (_, data_config, code, message) => {
      const job = await train({ model_name: 'failing', framework: 'sklearn', data_config });
      expect(job).toMatchObject({ status: 'failed', result: null, error: { code } });
      expect(job.error.message).toMatch(message);
      expect(job.error.message).not.toMatch(/Traceback|File "|\/tmp\//);
      expect(job.attempt).toBe(1);
    });

    it('and makes no model', async () => {
      expect((await acme.get('/api/v1/models?name=failing')).body.data).toEqual([]);
    });
  });

  describe('a running job', () => {
    const long = {
      model_name: 'long',
      framework: 'sklearn',
      data_config: data('large.parquet', 'churned'),
      hyperparameters: { estimator: 'gradient_boosting', n_estimators: 5000, learning_rate: 0.01 },
    };

    it('shows its progress, ends soon after it is cancelled, and leaves no version', async () => {
      const path = await submit(long);
      let seen = (await acme.get(path)).body;
      while (!seen.progress) seen = (await acme.get(path)).body;
      expect(seen).toMatchObject({ status: 'running', progress: { total_epochs: 5000 }, result: null });

      expect((await acme.delete(path)).body).toMatchObject({ status: 'running', cancel_requested: true });
      expect((await acme.waitForJob(path)).body).toMatchObject({
        status: 'cancelled',
        result: null,
        error: null,
      });
      expect((await acme.get('/api/v1/models?name=long')).body.data).toEqual([]);

      const again = await acme.delete(path);
      expect({ status: again.status, code: again.body.code }).toEqual({ status: 409, code: 'JOB_ENDED' });
      const { data: lines } = (await acme.get(`${path}/logs`)).body;
      expect(lines[0]).toMatchObject({
        attempt: 1,
        level: 'info',
        message: expect.stringContaining('30000'),
      });
    });
  });

  it('lists jobs newest first, by status and model, page by page', async () => {
    const all = (await acme.get('/api/v1/training?limit=200')).body.data;
    expect(all.length).toBeGreaterThan(10);
    const paged = [];
    for (let cursor = ''; ;) {
      const { data: rows, page } = (
        await acme.get(`/api/v1/training?limit=3${cursor && `&cursor=${cursor}`}`)
      ).body;
      expect(rows.length).toBe(page.count);
      paged.push(...rows);
      if (page.next_cursor === null) break;
      cursor = page.next_cursor;
    }
    expect(paged.map(({ job_id }) => job_id)).toEqual(all.map(({ job_id }: { job_id: string }) => job_id));
    const failed = (await acme.get('/api/v1/training?status=failed&model_name=failing')).body.data;
    expect(failed.length).toBe(7);
    const foreign = Buffer.from(JSON.stringify(['acme-corp', 'x'])).toString('base64url');
    for (const query of ['status=lost', 'limit=0', 'cursor=x', `cursor=${foreign}`]) {
      expect((await acme.get(`/api/v1/training?${query}`)).status).toBe(400);
      if (!query.startsWith('status')) {
        expect((await acme.get(`/api/v1/training/${all[0].job_id}/logs?${query}`)).status).toBe(400);
      }
    }
  });

  it('should not show or cancel a job of another tenant', async () => {
    const [{ job_id }] = (await acme.get('/api/v1/training?limit=1')).body.data;
    const globex = await service.as('globex');
    for (const id of [
      job_id,
      'train-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e',
      'train-1',
      'batch-job-456',
      '%00',
    ]) {
      for (const answer of [
        await globex.get(`/api/v1/training/${id}`),
        await globex.get(`/api/v1/training/${id}/logs`),
        await globex.delete(`/api/v1/training/${id}`),
      ]) {
        expect({ status: answer.status, code: answer.body.code }).toEqual({
          status: 404,
          code: 'JOB_NOT_FOUND',
        });
      }
    }
  });
});
