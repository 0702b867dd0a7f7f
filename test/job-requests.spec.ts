import type { Answer, Client } from './support/client.js';
import { FEATURES } from './support/churn.js';
import type { Service } from './support/service.js';
import { startWithModels, type TrainedModels } from './support/trained-models.js';

const TRAINING = '/api/v1/training';
const BATCH = '/api/v1/predictions/batch';
const EXPORTS = '/api/v1/predictions/exports';
const ABSENT = '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e';

/** What jobs tell of their requests, and how these are submitted again. No worker runs: nothing submitted here begins. */
describe('the request of a job', () => {
  let service: Service;
  let models: TrainedModels;
  let acme: Client;
  let globex: Client;

  beforeAll(async () => {
    ({ service, models } = await startWithModels());
    acme = await service.as('acme-corp');
    globex = await service.as('globex');
  });
  afterAll(() => service?.stop());

  const trainingOf = async (name: string): Promise<string> =>
    (await acme.get(`${TRAINING}?model_name=${name}`)).body.data[0].job_id;

  async function submitted(path: string, body: object): Promise<string> {
    const answer = await acme.post(path, body);
    expect([answer.status, answer.body.errors]).toEqual([202, undefined]);
    return answer.body.job_id;
  }

  const get = async (path: string): Promise<Answer['body']> => {
    const answer = await acme.get(path);
    expect(answer.status).toBeLessThan(300);
    return answer.body;
  };

  const train = (more: object = {}): Promise<string> =>
    submitted(TRAINING, {
      model_name: 'asked',
      framework: 'sklearn',
      model_type: 'classification',
      data_config: { train_path: 's3://data/train.parquet', target_column: 'churned' },
      ...more,
    });

  const score = (output: string, more: object = {}): Promise<string> =>
    submitted(BATCH, {
      model_id: models.churn,
      input_path: 's3://data/train.parquet',
      output_path: `s3://predictions/${output}/`,
      ...more,
    });

  describe('as it was understood', () => {
    it('is told of a training, with what the service chose', async () => {
      const body = await get(`${TRAINING}/${await train()}`);
      expect(body).toMatchObject({ submitted_by: 'admin@acme-corp.example', api_key: null, rerun_of: null });
      expect(body.request).toMatchObject({
        model_name: 'asked',
        framework: 'sklearn',
        model_type: 'classification',
        data_config: {
          train_path: 's3://data/train.parquet',
          target_column: 'churned',
          validation_share: 0.2,
        },
        training_config: { seed: 0 },
        hyperparameters: { estimator: 'hist_gradient_boosting', max_iter: 200, learning_rate: 0.1 },
      });
    });

    it('has what general settings and the caller say before the defaults', async () => {
      const job = await train({
        data_config: {
          train_path: 's3://data/train.parquet',
          validation_path: 's3://data/train.parquet',
          target_column: 'churned',
        },
        training_config: { seed: 7, epochs: 30, learning_rate: 0.5 },
        hyperparameters: { estimator: 'gradient_boosting', learning_rate: 0.3 },
      });
      const { request } = await get(`${TRAINING}/${job}`);
      expect(request.hyperparameters).toMatchObject({ n_estimators: 30, learning_rate: 0.3 });
      expect(request.training_config).toEqual({ seed: 7, epochs: 30, learning_rate: 0.5 });
      expect(request.data_config).not.toHaveProperty('validation_share');
    });

    it('has the defaults of the model type, and none that the data would have to tell', async () => {
      const asked = { hyperparameters: { estimator: 'random_forest' } };
      const of = async (model_type: string | undefined) =>
        (await get(`${TRAINING}/${await train({ ...asked, model_type })}`)).request.hyperparameters;
      expect(await of('classification')).toMatchObject({ max_features: 'sqrt', criterion: 'gini' });
      const regression = await of('regression');
      expect(regression).toMatchObject({ max_features: null, n_estimators: 100 });
      expect(regression).not.toHaveProperty('criterion');
      const unknown = await of(undefined);
      expect(unknown).toMatchObject({ n_estimators: 100 });
      for (const name of ['criterion', 'max_features']) expect(unknown).not.toHaveProperty(name);
    });

    it.each(['churn', 'churnOfForest', 'subscribers', 'slow'] as const)(
      'has the hyperparameters that %s was trained with',
      async (name) => {
        const { request } = await get(`${TRAINING}/${await trainingOf(name)}`);
        const { estimator, ...hyperparameters } = request.hyperparameters;
        const version = await get(`/api/v1/models/${models[name]}/versions/1.0.0`);
        expect(version.parameters).toMatchObject({ estimator, ...hyperparameters });
      },
    );

    it('is told of a batch', async () => {
      const { request, submitted_by } = await get(`${BATCH}/${await score('told', { batch_size: 500 })}`);
      expect(submitted_by).toBe('admin@acme-corp.example');
      expect(request).toEqual({
        model_id: models.churn,
        version: '1.0.0',
        input_path: 's3://data/train.parquet',
        input_format: null,
        output_path: 's3://predictions/told/',
        output_format: 'parquet',
        passthrough_columns: null,
        max_error_share: 0.1,
        overwrite: false,
        csv_safe: false,
        return_interval: null,
        use_feature_service: false,
        timestamp_column: null,
        batch_size: 500,
      });
    });

    it('is told of an asynchronous prediction that waits', async () => {
      const features = FEATURES;
      const job = await submitted('/api/v1/predictions/async', { model_id: models.churn, features });
      expect(await get(`/api/v1/predictions/async/${job}`)).toMatchObject({
        submitted_by: 'admin@acme-corp.example',
        request: { model_id: models.churn, version: '1.0.0', features },
      });
    });

    it('is told of an export', async () => {
      const output_path = 's3://predictions/log.jsonl';
      const job = await submitted(`/api/v1/models/${models.churn}/predictions/export`, { output_path });
      const { request } = await get(`${EXPORTS}/${job}`);
      expect(request).toEqual({
        model_id: models.churn,
        output_path,
        from: null,
        to: expect.any(String),
        version: null,
      });
    });

    it('is told of any kind under its id alone, a validation too, and not in lists', async () => {
      await service.database.query(
        `insert into jobs (id, tenant_id, kind, spec, submitted_by, engine)
         select 'check-${ABSENT}', tenant_id, 'training-validation', spec, 'ana', 'local' from jobs
         where kind = 'training' limit 1`,
      );
      const job = await get(`/api/v1/jobs/check-${ABSENT}`);
      expect(job).toMatchObject({ kind: 'training-validation', submitted_by: 'ana' });
      expect(job.request.data_config.train_path).toMatch(/^s3:/);
      for (const list of ['/api/v1/jobs', TRAINING, BATCH, EXPORTS]) {
        const { data } = await get(list);
        expect(data.length).toBeGreaterThan(0);
        for (const item of data) expect(item).not.toHaveProperty('request');
      }
    });

    it.each(['x', 'train-x', `x\u0000-${ABSENT}`, `train-${ABSENT}`])(
      'is not told of %j, which is no job',
      async (id) => {
        const { status, body } = await acme.get(`/api/v1/jobs/${encodeURIComponent(id)}`);
        expect([status, body.code]).toEqual([404, 'JOB_NOT_FOUND']);
      },
    );

    it('is what was given where this release does not know the estimator', async () => {
      const job = await train({ hyperparameters: { estimator: 'random_forest', max_depth: 3 } });
      await service.database.query(
        `update jobs set spec = jsonb_set(spec, '{estimator}', '"forest_of_tomorrow"') where id = $1`,
        [job],
      );
      const { request } = await get(`${TRAINING}/${job}`);
      expect(request.hyperparameters).toEqual({ estimator: 'forest_of_tomorrow', max_depth: 3 });
    });

    it('names the API key that it was submitted with', async () => {
      const { key, prefix, key_id } = (
        await acme.post('/api/v1/api-keys', { name: 'trainer', roles: ['scientist'] })
      ).body;
      const { body } = await service.with(key).post(TRAINING, {
        model_name: 'by-key',
        framework: 'sklearn',
        data_config: { train_path: 's3://data/train.parquet', target_column: 'churned' },
      });
      const job = await get(`${TRAINING}/${body.job_id}`);
      expect(job).toMatchObject({ submitted_by: `key:${key_id}`, api_key: prefix });
      expect(key.startsWith(prefix)).toBe(true);
    });
  });

  describe('submitted again', () => {
    it('is the same, and names the job that it was made from', async () => {
      const first = await train({ training_config: { seed: 3 }, hyperparameters: { max_iter: 20 } });
      const { status, body } = await acme.post(`${TRAINING}/${first}/rerun`);
      expect([status, body]).toEqual([
        202,
        {
          job_id: expect.not.stringMatching(first),
          status: 'submitted',
          model_name: 'asked',
          rerun_of: first,
        },
      ]);
      const again = await get(`${TRAINING}/${body.job_id}`);
      expect(again.rerun_of).toBe(first);
      expect(again.request).toEqual((await get(`${TRAINING}/${first}`)).request);
      const third = await submitted(`${TRAINING}/${body.job_id}/rerun`, {});
      expect((await get(`${TRAINING}/${third}`)).request).toEqual(again.request);
    });

    it('has the changes of the body, object by object', async () => {
      const first = await train({
        training_config: { seed: 3, epochs: 10 },
        hyperparameters: { estimator: 'hist_gradient_boosting', max_depth: 3 },
      });
      const job = await submitted(`${TRAINING}/${first}/rerun`, {
        model_name: 'another',
        data_config: { exclude_columns: ['support_tickets'] },
        training_config: { seed: 4, epochs: null },
        hyperparameters: { max_iter: 50 },
      });
      expect((await get(`${TRAINING}/${job}`)).request).toMatchObject({
        model_name: 'another',
        data_config: { train_path: 's3://data/train.parquet', exclude_columns: ['support_tickets'] },
        training_config: { seed: 4 },
        hyperparameters: { estimator: 'hist_gradient_boosting', max_depth: 3, max_iter: 50 },
      });
    });

    it('takes another estimator, without what the service had filled in for the first', async () => {
      const job = await submitted(`${TRAINING}/${await train()}/rerun`, { framework: 'lightgbm' });
      expect((await get(`${TRAINING}/${job}`)).request.hyperparameters.estimator).toBe('lightgbm');
    });

    it('is a batch with another output, by the version that answers now', async () => {
      const first = await score('again', { max_error_share: 0.5 });
      const taken = await acme.post(`${BATCH}/${first}/rerun`);
      expect([taken.status, taken.body.code]).toEqual([409, 'OUTPUT_EXISTS']);
      const { status, body } = await acme.post(`${BATCH}/${first}/rerun`, {
        output_path: 's3://predictions/again-2/',
      });
      expect([status, body.rerun_of]).toEqual([202, first]);
      const { request } = await get(`${BATCH}/${body.job_id}`);
      expect(request).toMatchObject({
        version: '1.0.0',
        max_error_share: 0.5,
        output_path: 's3://predictions/again-2/',
      });
    });

    it('is an export of the same model', async () => {
      const path = `/api/v1/models/${models.churn}/predictions/export`;
      const first = await submitted(path, { output_path: 's3://predictions/a.jsonl', version: '1.0.0' });
      const { status, body } = await acme.post(`${EXPORTS}/${first}/rerun`, {
        output_path: 's3://predictions/b.jsonl',
      });
      expect([status, body]).toMatchObject([
        202,
        {
          model_id: models.churn,
          output_path: 's3://predictions/b.jsonl',
          version: '1.0.0',
          rerun_of: first,
        },
      ]);
    });

    it('is submitted once for one Idempotency-Key', async () => {
      const path = `${TRAINING}/${await train()}/rerun`;
      const headers = { 'idempotency-key': 'again' };
      const ids = [await acme.post(path, {}, headers), await acme.post(path, {}, headers)];
      expect(ids[0]?.body.job_id).toBe(ids[1]?.body.job_id);
    });

    it('is of whoever submits it again', async () => {
      const scientist = await service.as('acme-corp', 'scientist');
      const { body } = await scientist.post(`${TRAINING}/${await train()}/rerun`);
      expect((await get(`${TRAINING}/${body.job_id}`)).submitted_by).toBe('scientist@acme-corp.example');
    });

    it.each<[string, object | string, number, string]>([
      ['an unknown field', { model: 'x' }, 400, '/model'],
      ['an unknown field within', { data_config: { path: 'x' } }, 400, '/data_config/path'],
      ['a wrong type', { training_config: { seed: '1' } }, 400, '/training_config/seed'],
      [
        'a required field taken out',
        { data_config: { target_column: null } },
        400,
        '/data_config/target_column',
      ],
      ['an object that becomes a text', { data_config: 's3://data/x.csv' }, 400, '/data_config'],
      [
        'a hyperparameter out of range',
        { hyperparameters: { max_iter: 0 } },
        422,
        '/hyperparameters/max_iter',
      ],
      [
        'a path outside of the grants',
        { data_config: { train_path: 's3://tenants/globex/x.csv' } },
        403,
        '/data_config/train_path',
      ],
      ['a list', '[]', 400, ''],
      ['a text', '"again"', 400, ''],
      ['a number', '0', 400, ''],
      ['too many names', Object.fromEntries(Array.from({ length: 1001 }, (_, at) => [`n${at}`, 1])), 400, ''],
      ['depth', `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`, 400, ''],
      ['depth without end', `${'{"a":'.repeat(30_000)}1${'}'.repeat(30_000)}`, 400, ''],
    ])('is refused for %s as a submission is', async (_, changes, status, pointer) => {
      const path = `${TRAINING}/${await train()}/rerun`;
      const answer = await acme.post(path, changes, { 'content-type': 'application/json' });
      expect([answer.status, answer.body.errors[0].pointer]).toEqual([status, pointer]);
    });

    it('is refused where the grants are gone, or the rights not enough', async () => {
      const job = await train();
      await service.database.query(
        `update jobs set request = jsonb_set(request, '{data_config,train_path}', '"s3://tenants/globex/x.csv"')
         where id = $1`,
        [job],
      );
      expect((await acme.post(`${TRAINING}/${job}/rerun`)).status).toBe(403);
      const predictor = await service.as('acme-corp', 'predictor');
      expect((await predictor.post(`${TRAINING}/${job}/rerun`)).status).toBe(403);
      const viewer = await service.as('acme-corp', 'viewer');
      expect((await viewer.post(`${BATCH}/batch-${ABSENT}/rerun`)).status).toBe(403);
    });

    it('is refused where another job submitted it', async () => {
      const job = await train();
      await service.database.query('update jobs set request = null where id = $1', [job]);
      const { status, body } = await acme.post(`${TRAINING}/${job}/rerun`);
      expect([status, body.code]).toEqual([409, 'JOB_STATE_CONFLICT']);
    });

    it("is not there to be submitted where the job is another tenant's or of another kind", async () => {
      const training = await train();
      const batch = await score('foreign');
      const answers = [
        await globex.post(`${TRAINING}/${training}/rerun`),
        await globex.post(`${TRAINING}/train-${ABSENT}/rerun`),
        await globex.post(`${BATCH}/${batch}/rerun`, { output_path: 's3://tenants/globex/x/' }),
        await acme.post(`${TRAINING}/${batch}/rerun`),
        await acme.post(`${TRAINING}/x/rerun`),
      ];
      for (const { status, body } of answers) expect([status, body.code]).toEqual([404, 'JOB_NOT_FOUND']);
      expect((await globex.get(`/api/v1/jobs/${training}`)).body.code).toBe('JOB_NOT_FOUND');
    });
  });
});
