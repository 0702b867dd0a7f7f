import { setTimeout as sleep } from 'node:timers/promises';
import { VersionsService } from '../src/modules/models/versions.service.js';
import { PredictionCounter } from '../src/modules/prediction-log/counts/prediction-counter.js';
import type { Answer, Client } from './support/client.js';
import { FEATURES } from './support/churn.js';
import type { Service } from './support/service.js';
import { startWithModels, type TrainedModels } from './support/trained-models.js';

const ABSENT_ID = '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e';
const PREDICTIONS = '/api/v1/predictions';

/** The models `churn`, whose version 1.1.0 is of XGBoost, and `churnOfForest`, which has one version. */
describe('models by name', () => {
  let service: Service;
  let acme: Client;
  let globex: Client;
  let models: TrainedModels;
  let id: string;

  beforeAll(async () => {
    ({ service, models } = await startWithModels({ role: 'all' }));
    acme = await service.as('acme-corp');
    globex = await service.as('globex');
    id = models.churn;
    const { body } = await acme.post('/api/v1/training', {
      model_name: id,
      framework: 'xgboost',
      data_config: { train_path: 's3://data/train.parquet', target_column: 'churned' },
      hyperparameters: { n_estimators: 5 },
    });
    expect(body).toMatchObject({ status: 'submitted', model_name: 'churn' });
    const job = await acme.waitForJob(`/api/v1/training/${body.job_id}`, 300_000);
    expect(job.body).toMatchObject({ error: null, result: { model_id: id, version: '1.1.0' } });
  });
  afterAll(() => service?.stop());

  const predict = (model_id: string, more: object = {}, client = acme) =>
    client.post(PREDICTIONS, { model_id, features: FEATURES, ...more });
  const move = async (version: string, target_stage: string) => {
    const answer = await acme.put('/api/v1/models/churn/stage', { version, target_stage });
    expect(answer.status).toBe(200);
    return answer.body;
  };
  const faultOf = ({ status, body }: Answer) => [status, body.code, body.errors?.[0].pointer];

  describe('with versions of two frameworks', () => {
    it('should say of each what made it, and of the model what made the one that answers', async () => {
      const { data } = (await acme.get('/api/v1/models/churn/versions')).body;
      expect(data).toMatchObject([
        { version: '1.1.0', framework: 'xgboost', framework_version: expect.stringMatching(/^\d+\.\d+/) },
        { version: '1.0.0', framework: 'sklearn', framework_version: expect.stringMatching(/^\d+\.\d+/) },
      ]);
      const card = await acme.get(`/api/v1/models/churn/versions/1.1.0/card`);
      expect(card.body.model.framework).toBe('xgboost');
      expect(card.body.lineage.library_versions['xgboost-cpu']).toBe(data[0].framework_version);
    });

    it('should be listed under the framework of the version that answers by default', async () => {
      const listed = async (framework: string) =>
        (await acme.get(`/api/v1/models?framework=${framework}&name=churn`)).body.data;
      const shown = { current_version: '1.1.0', framework: 'xgboost' };
      expect((await acme.get('/api/v1/models/churn')).body).toMatchObject(shown);
      expect([await listed('xgboost'), await listed('sklearn')]).toMatchObject([[shown], []]);

      await move('1.0.0', 'staging');
      expect(await move('1.0.0', 'production')).toMatchObject({ framework: 'sklearn' });
      const now = { current_version: '1.0.0', framework: 'sklearn' };
      expect([await listed('xgboost'), await listed('sklearn')]).toMatchObject([[], [now]]);
    });
  });

  describe('in predictions', () => {
    it.each([
      ['churn', '1.0.0'],
      ['churn@production', '1.0.0'],
      ['churn@development', '1.1.0'],
    ])('should be answered for %s with id and version', async (model, version) => {
      expect(await predict(model)).toMatchObject({ status: 200, body: { model_id: id, version } });
    });

    it('should be answered for an id with a stage, in capital letters too', async () => {
      for (const model of [`${id}@development`, `${id.toUpperCase()}@development`])
        expect((await predict(model)).body).toMatchObject({ model_id: id, version: '1.1.0' });
      expect((await predict(id.toUpperCase())).body).toMatchObject({ model_id: id, version: '1.0.0' });
    });

    it('should take the version beside a name, and refuse one beside a stage', async () => {
      expect((await predict('churn', { version: '1.1.0' })).body).toMatchObject({ version: '1.1.0' });
      for (const path of [PREDICTIONS, `${PREDICTIONS}/async`]) {
        const body = { model_id: 'churn@development', version: '1.1.0', features: FEATURES };
        expect(faultOf(await acme.post(path, body))).toEqual([400, 'INVALID_REQUEST', '/version']);
      }
      const absent = await predict('churn', { version: '9.0.0' });
      expect([absent.status, absent.body.code]).toEqual([404, 'MODEL_NOT_FOUND']);
    });

    it.each(['churn@archived', 'churn@', 'churn@latest', 'churn@Production', 'nothing@archived'])(
      'should be refused for the stage of %s in a sentence',
      async (model) => {
        const answer = await predict(model);
        expect(faultOf(answer)).toEqual([400, 'INVALID_REQUEST', '/model_id']);
        expect(answer.body.detail).toMatch(/stage/);
      },
    );

    it('should be 409 for a stage without a version', async () => {
      const answer = await predict('churn@staging');
      expect([answer.status, answer.body.code]).toEqual([409, 'STAGE_CONFLICT']);
      expect(answer.body.detail).toMatch(/staging/);
    });

    it.each([
      'Churn',
      'churn ',
      'no such model',
      'churn@a@staging',
      '',
      '@staging',
      ABSENT_ID,
      'x'.repeat(400),
    ])('should be 404 for %j', async (model) => {
      const answer = await predict(model);
      expect([answer.status, answer.body.code]).toEqual([404, 'MODEL_NOT_FOUND']);
    });

    it('should not be those of another tenant', async () => {
      const withoutId = ({ status, body }: Answer) => ({ status, ...body, request_id: '' });
      for (const suffix of ['', '@production', '@staging']) {
        const theirs = withoutId(await predict(`churn${suffix}`, {}, globex));
        const absent = withoutId(await predict(`nruhc${suffix}`, {}, globex));
        expect(theirs).toEqual({ ...absent, detail: absent.detail.replace('nruhc', 'churn') });
        expect(theirs.status).toBe(404);
      }
      const own = { name: 'churn', model_type: 'classification', framework: 'onnx' };
      const { body } = await globex.post('/api/v1/models', own);
      expect((await predict('churn', {}, globex)).body.code).toBe('STAGE_CONFLICT');
      expect((await globex.delete(`/api/v1/models/${body.model_id}`)).status).toBe(204);
    });

    it('should ask the registry once, and not again for each request', async () => {
      for (const model of ['churn', 'churn@production', id]) await predict(model);
      const servable = jest.spyOn(service.app.get(VersionsService, { strict: false }), 'servable');
      for (let times = 0; times < 5; times++)
        for (const model of ['churn', 'churn@production', id])
          expect((await predict(model)).status).toBe(200);
      const asked = servable.mock.calls.length;
      servable.mockRestore();
      expect(asked).toBe(0);
    });

    it('should be logged under the id, by the rules of the model, and counted', async () => {
      const settings = { redacted_features: ['total_orders'] };
      expect((await acme.put('/api/v1/models/churn/prediction-log', settings)).body.model_id).toBe(id);
      const { request_id } = (await predict('churn@production')).body;
      await predict('churn@production', { features: {} });
      await predict('churn@staging');
      await service.app.get(PredictionCounter, { strict: false }).flush();
      let logged = await acme.get(`${PREDICTIONS}/${request_id}`);
      for (; logged.status === 404; await sleep(20)) logged = await acme.get(`${PREDICTIONS}/${request_id}`);
      expect(logged.body).toMatchObject({ model_id: id, version: '1.0.0' });
      expect(logged.body.features).not.toHaveProperty('total_orders');
      const { data } = (await acme.get(`/api/v1/models/${id}/prediction-counts`)).body;
      const codes = data.map(({ code, version }: Record<string, string>) => `${code} ${version}`);
      expect(codes).toEqual(
        expect.arrayContaining(['OK 1.0.0', 'VALIDATION_ERROR 1.0.0', 'STAGE_CONFLICT null']),
      );
      await acme.put('/api/v1/models/churn/prediction-log', {});
    });

    it('should be answered later by the version that was meant', async () => {
      const body = { model_id: 'churn@development', features: FEATURES };
      const submitted = await acme.post(`${PREDICTIONS}/async`, body);
      expect(submitted).toMatchObject({ status: 202, body: { model_id: id, version: '1.1.0' } });
      const path = `${PREDICTIONS}/async/${submitted.body.job_id}`;
      let answer = await acme.get(path);
      for (; answer.status === 202; await sleep(20)) answer = await acme.get(path);
      expect(answer).toMatchObject({ status: 200, body: { model_id: id, version: '1.1.0' } });
    });

    it('should be explained', async () => {
      const options = { return_explanation: true };
      expect((await predict('churnOfForest@development', { options })).body).toMatchObject({
        model_id: models.churnOfForest,
        explanation: { class: expect.anything() },
      });
    });
  });

  describe('in batches', () => {
    const batch = (model_id: string, more: object = {}) => ({
      model_id,
      input_path: 's3://data/train.parquet',
      output_path: `s3://predictions/${encodeURIComponent(model_id).replace(/\W/g, '-')}/`,
      ...more,
    });

    it('should be scored by the version that is meant', async () => {
      const { status, body } = await acme.post(`${PREDICTIONS}/batch`, batch('churn@development'));
      expect(status).toBe(202);
      const job = await acme.waitForJob(`${PREDICTIONS}/batch/${body.job_id}`);
      expect(job.body).toMatchObject({ status: 'succeeded', model_id: id, version: '1.1.0' });
    });

    it.each([
      ['churn@archived', {}, [400, 'INVALID_REQUEST', '/model_id']],
      ['churn@development', { version: '1.1.0' }, [400, 'INVALID_REQUEST', '/version']],
      ['churn@staging', {}, [409, 'STAGE_CONFLICT', undefined]],
      ['nruhc', {}, [404, 'MODEL_NOT_FOUND', undefined]],
    ])('should be refused for %s', async (model, more, expected) => {
      expect(faultOf(await acme.post(`${PREDICTIONS}/batch`, batch(model, more)))).toEqual(expected);
    });

    it('should be looked up at each turn of a schedule', async () => {
      const request = batch('churnOfForest@development', { overwrite: true });
      const schedule = { name: 'scores', kind: 'batch', cron: '30 2 1 1 *', request };
      const refused = { ...schedule, request: batch('churn@archived') };
      expect(faultOf(await acme.post('/api/v1/schedules', refused))).toEqual([
        400,
        'INVALID_REQUEST',
        '/request/model_id',
      ]);
      const { body } = await acme.post('/api/v1/schedules', schedule);
      expect(body.request.model_id).toBe('churnOfForest@development');
      const run = await acme.post(`/api/v1/schedules/${body.schedule_id}/run`);
      const job = await acme.waitForJob(`${PREDICTIONS}/batch/${run.body.job_id}`);
      expect(job.body).toMatchObject({ model_id: models.churnOfForest, version: '1.0.0' });
    });
  });

  describe('in paths', () => {
    it('should be the same as by id', async () => {
      for (const path of ['', '/versions', '/versions/1.0.0', '/versions/1.0.0/importance', '/history']) {
        const byId = await acme.get(`/api/v1/models/${id}${path}`);
        expect(byId.status).toBe(200);
        expect((await acme.get(`/api/v1/models/churn${path}`)).body).toEqual(byId.body);
      }
      for (const path of ['/predictions', '/prediction-counts', '/prediction-log'])
        expect((await acme.get(`/api/v1/models/churn${path}`)).status).toBe(200);
      const artifact = await acme.get('/api/v1/models/churn/versions/1.0.0/artifact');
      expect(artifact.headers.get('x-content-sha256')).toMatch(/^[0-9a-f]{64}$/);
      expect((await acme.patch('/api/v1/models/churn', { description: 'by name' })).body).toMatchObject({
        model_id: id,
        description: 'by name',
      });
    });

    it('should show the version of a stage, and name a whole model everywhere else', async () => {
      expect((await acme.get('/api/v1/models/churn@development')).body).toMatchObject({
        model_id: id,
        current_version: '1.1.0',
        stage: 'development',
        framework: 'xgboost',
      });
      expect((await acme.get('/api/v1/models/churn@staging')).body.code).toBe('STAGE_CONFLICT');
      expect(faultOf(await acme.get('/api/v1/models/churn@archived'))).toEqual([
        400,
        'INVALID_REQUEST',
        '/model_id',
      ]);
      const whole = [
        acme.get('/api/v1/models/churn@production/versions'),
        acme.get('/api/v1/models/churn@production/versions/1.0.0'),
        acme.get('/api/v1/models/churn@production/history'),
        acme.get('/api/v1/models/churn@production/predictions'),
        acme.patch('/api/v1/models/churn@production', { description: 'x' }),
        acme.put('/api/v1/models/churn@production/stage', { version: '1.0.0', target_stage: 'archived' }),
        acme.post('/api/v1/models/churn@production/rollback'),
        acme.delete('/api/v1/models/churn@production'),
      ];
      for (const answer of await Promise.all(whole))
        expect(faultOf(answer)).toEqual([400, 'INVALID_REQUEST', '/model_id']);
    });

    it('should not be those of another tenant', async () => {
      for (const path of ['', '@production', '/versions', '/prediction-log']) {
        const { status, body } = await globex.get(`/api/v1/models/churn${path}`);
        expect([status, body.code]).toEqual([404, 'MODEL_NOT_FOUND']);
      }
    });
  });

  describe('whose stages change', () => {
    it('should answer with another version as soon as the change is answered', async () => {
      for (const model of ['churn', id, 'churn@production', 'churn@development']) await predict(model);
      for (let times = 0; times < 5; times++) {
        await move('1.1.0', 'staging');
        expect((await predict('churn@staging')).body.version).toBe('1.1.0');
        await move('1.1.0', 'production');
        for (const model of ['churn', id, 'churn@production'])
          expect((await predict(model)).body.version).toBe('1.1.0');
        expect((await predict('churn@staging')).body.code).toBe('STAGE_CONFLICT');

        const { body } = await acme.post('/api/v1/models/churn/rollback');
        expect(body).toMatchObject({ current_version: '1.0.0', stage: 'production', framework: 'sklearn' });
        for (const model of ['churn', id, 'churn@production'])
          expect((await predict(model)).body.version).toBe('1.0.0');
        await move('1.1.0', 'development');
      }
    });

    it('should answer no more once the last version is archived or the model deleted', async () => {
      const { body } = await acme.put('/api/v1/models/churnWithoutTickets/stage', {
        version: '1.0.0',
        target_stage: 'staging',
      });
      const { support_tickets: _, ...features } = FEATURES;
      const asked = () => predict('churnWithoutTickets', { features });
      expect((await asked()).body.version).toBe('1.0.0');
      for (const target_stage of ['production', 'archived'])
        await acme.put(`/api/v1/models/${body.model_id}/stage`, { version: '1.0.0', target_stage });
      expect((await asked()).body.code).toBe('STAGE_CONFLICT');
      expect((await acme.delete('/api/v1/models/churnWithoutTickets')).status).toBe(204);
      expect((await asked()).body.code).toBe('MODEL_NOT_FOUND');
    });
  });
});
