import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Changes } from '../src/platform/changes/changes.js';
import { BatchScene, CUSTOMERS } from './support/batch-scene.js';
import { jsonLines, type Row } from './support/batches.js';
import type { Answer, Client } from './support/client.js';
import { python } from './support/data.js';
import { FRESH_TABLE, freshCustomers, toCsv } from './support/fresh-customers.js';

describe('an ensemble that a labelled table teaches', () => {
  let scene: BatchScene;
  let acme: Client;
  let made = 0;
  const fresh = freshCustomers();
  const rows = fresh.map(({ churned: _, ...row }) => row);

  beforeAll(async () => {
    scene = await BatchScene.start();
    ({ acme } = scene);
    await scene.put('fresh.csv', toCsv(fresh));
  });
  afterAll(() => scene?.stop());

  const members = () => ['churn', 'churnOfForest', 'churnWithoutTickets'].map((model_id) => ({ model_id }));
  const create = (method: string, more: object = {}) =>
    acme.post('/api/v1/ensembles', {
      name: `taught ${++made}`,
      method,
      models: members(),
      ...(['greedy', 'stacking'].includes(method) && { data_config: FRESH_TABLE }),
      ...more,
    });
  async function createdId(method: string, more: object = {}): Promise<string> {
    const { status, body } = await create(method, more);
    expect({ status, body }).toMatchObject({ status: 201 });
    return body.ensemble_id;
  }
  const fit = (id: string, more: object = {}) =>
    acme.post(`/api/v1/ensembles/${id}/fit`, { method: 'stacking', data_config: FRESH_TABLE, ...more });
  async function ended(jobId: string): Promise<Row> {
    const { body } = await acme.waitForJob(`/api/v1/ensemble-fits/${jobId}`);
    // The end can be read a moment before the process that predicts has heard of it.
    await scene.service.app.get(Changes, { strict: false }).look();
    return body;
  }
  async function taught(method: string, more: object = {}): Promise<string> {
    const { body } = await create(method, more);
    expect(await ended(body.job_id)).toMatchObject({ status: 'succeeded', error: null, warnings: [] });
    return body.ensemble_id;
  }
  const predict = (
    model_id: string,
    features: unknown = rows,
    version?: string,
    return_probabilities = true,
  ): Promise<Answer> => {
    const options = { return_probabilities, return_members: true };
    return acme.post('/api/v1/predictions', { model_id, version, features, options });
  };
  const patch = (id: string, body: object) => acme.patch(`/api/v1/ensembles/${id}`, body);

  describe.each([
    ['greedy', 'voting_soft'],
    ['stacking', 'stacking'],
  ])('from its start, by %s', (method, answersBy) => {
    it('should answer nothing before its job has ended, and by what was learned after it', async () => {
      const { status, headers, body } = await create(method, { name: `${method} from its start` });
      expect({ status, body }).toMatchObject({
        status: 201,
        body: {
          version: '1.0.0',
          stage: 'development',
          ready: false,
          method: answersBy,
          job_id: expect.stringMatching(/^fit-/),
          meta_model: null,
          members: [{ answering_version: '1.0.0', problem: null }, {}, {}],
          warnings: [expect.stringContaining(`answers nothing until ${body.job_id} has learned`)],
        },
      });
      const id = body.ensemble_id;
      const early = await Promise.all([
        predict(id, CUSTOMERS),
        predict(id, CUSTOMERS, '1.0.0'),
        acme.post(`/api/v1/ensembles/${id}/predict`, { features: CUSTOMERS }),
        acme.put(`/api/v1/models/${id}/stage`, { version: '1.0.0', target_stage: 'staging' }),
        acme.post('/api/v1/ensembles', {
          name: `with ${method}`,
          method: 'voting_soft',
          models: [{ model_id: id }, members()[0]],
        }),
        acme.post(`/api/v1/models/${id}/versions/1.0.0/calibration`, { data_config: FRESH_TABLE }),
        patch(id, { min_models_required: 2 }),
        patch(id, { method: answersBy === 'stacking' ? 'stacking' : 'greedy' }),
      ]);
      const job = await ended(body.job_id);
      expect(job).toMatchObject({
        status: 'succeeded',
        error: null,
        ensemble_id: id,
        result: { version: '1.0.0', method, rows: 200 },
      });
      expect(early.map((answer) => answer.status)).toEqual([
        409,
        409,
        409,
        409,
        409,
        409,
        409,
        answersBy === 'stacking' ? 409 : 422,
      ]);
      expect(early[1]!.body.detail).toMatch(/answers nothing until a fit has taught it/);

      const shown = await acme.get(`/api/v1/ensembles/${id}`);
      expect(shown.body).toMatchObject({
        version: '1.0.0',
        ready: true,
        job_id: job.job_id,
        warnings: expect.not.arrayContaining([expect.stringMatching(/answers nothing/)]),
      });
      expect(shown.headers.get('etag')).not.toBe(headers.get('etag'));
      expect((await predict(id, CUSTOMERS)).body).toMatchObject({ version: '1.0.0', members: [{}, {}, {}] });
      expect((await acme.get(`/api/v1/models/${id}/versions`)).body.data).toHaveLength(1);
      const moved = await acme.put(`/api/v1/models/${id}/stage`, {
        version: '1.0.0',
        target_stage: 'staging',
      });
      expect(moved.status).toBe(200);
    });

    it('should answer nothing where its job fails, until another one has learned it', async () => {
      const { body } = await create(method, { data_config: { ...FRESH_TABLE, target_column: 'left' } });
      const id = body.ensemble_id;
      expect(await ended(body.job_id)).toMatchObject({
        status: 'failed',
        error: { code: 'COLUMN_NOT_FOUND' },
      });
      expect((await predict(id, CUSTOMERS)).status).toBe(409);
      const again = await acme.post(`/api/v1/ensemble-fits/${body.job_id}/rerun`, {
        data_config: FRESH_TABLE,
      });
      expect(again.body).toMatchObject({ version: '1.0.0', rerun_of: body.job_id });
      expect((await acme.get(`/api/v1/ensembles/${id}`)).body.job_id).toBe(again.body.job_id);
      expect(await ended(again.body.job_id)).toMatchObject({
        status: 'succeeded',
        result: { version: '1.0.0' },
      });
      expect((await predict(id, CUSTOMERS)).status).toBe(200);
    });

    it('should be a method that needs none where a change names one, and its job changes nothing then', async () => {
      const { body } = await create(method);
      const changed = await patch(body.ensemble_id, { method: 'voting_hard' });
      expect(changed).toMatchObject({
        status: 200,
        body: { version: '1.0.0', ready: true, method: 'voting_hard' },
      });
      expect((await ended(body.job_id)).error).toMatchObject({
        code: expect.stringMatching(/CONFLICT|VALIDATION/),
      });
      expect((await acme.get(`/api/v1/ensembles/${body.ensemble_id}`)).body).toMatchObject({
        version: '1.0.0',
      });
    });

    it.each<[number, string, object]>([
      [422, '/data_config', { data_config: undefined }],
      [400, '/data_config', { data_config: null }],
      [400, '/data_config/validation_path', { data_config: { target_column: 'churned' } }],
      [403, '/data_config/validation_path', { data_config: { validation_path: 's3://others/a.csv' } }],
      [422, '/strategy', { strategy: 'cascade', threshold: 0.9 }],
      [400, '/rounds', { rounds: 0 }],
      [
        422,
        '/models/0/weight',
        {
          models: [
            { model_id: 'churn', weight: 1 },
            { model_id: 'churnOfForest', weight: 1 },
          ],
        },
      ],
      [404, '/models/0/model_id', { models: [{ model_id: 'nobody' }, { model_id: 'churn' }] }],
    ])('should be refused with %d at %s', async (status, pointer, more) => {
      const name = `refused ${++made}`;
      const answer = await create(method, { name, ...more });
      expect([answer.status, answer.body.errors?.[0].pointer]).toEqual([status, pointer]);
      expect((await acme.get(`/api/v1/models?name=${name}`)).body.data).toEqual([]);
    });
  });

  it.each<[string, object, string]>([
    ['voting_soft', { data_config: FRESH_TABLE }, '/data_config'],
    ['voting_hard', { rounds: 5 }, '/rounds'],
    ['voting_soft', { folds: 5 }, '/folds'],
    ['stacking', { rounds: 5 }, '/rounds'],
    ['stacking', { fail_on_partial: false }, '/fail_on_partial'],
  ])('should be refused by %s with %j', async (method, more, pointer) => {
    const answer = await create(method, more);
    expect([answer.status, answer.body.errors?.[0].pointer]).toEqual([422, pointer]);
  });

  describe('by stacking', () => {
    it('should answer as scikit-learn does, alone, among others and in batches', async () => {
      const id = await taught('stacking');
      const { body } = await predict(id);
      const expected = await referenceOf({
        method: 'stacking',
        members: body.members.map(({ probabilities }: Row) => ({ probabilities })),
        labels: [0, 1],
        truth: fresh.map(({ churned }) => churned),
        rows: rows.length,
        fitted: rows.length,
      });
      const shown = (await acme.get(`/api/v1/ensembles/${id}`)).body;
      expected.meta.coefficients[0]!.forEach((value: number, at: number) =>
        expect(shown.meta_model.coefficients[0][at]).toBeCloseTo(value, 4),
      );
      expect(body.prediction).toEqual(expected.predictions);
      expect(new Set(body.prediction).size).toBe(2);
      body.probabilities.forEach((ofRow: number[], row: number) => {
        expect(Math.abs(ofRow[1]! - expected.probabilities[row]![1]!)).toBeLessThan(1e-6);
        expect(body.confidence[row]).toBe(Math.max(...ofRow));
      });
      expect(body.members.map(({ weight }: Row) => weight)).toEqual([null, null, null]);
      const [alone] = (await predict(id, rows[7])).body.probabilities;
      expect(alone[1]).toBeCloseTo(body.probabilities[7][1], 6);

      await scene.put('rows.jsonl', jsonLines(rows.slice(0, 30)));
      const output = await scene.score({ model_id: id, input_path: 's3://data/rows.jsonl' });
      await scene.expectEqual(output, id, rows.slice(0, 30));
    });

    it('should answer as scikit-learn does for a regression', async () => {
      const models = [{ model_id: 'recency' }, { model_id: 'recency', version: '1.0.0' }];
      const target_column = 'days_since_last_order';
      const id = await taught('stacking', { models, data_config: { ...FRESH_TABLE, target_column } });
      const features = fresh.map(({ days_since_last_order: _, ...row }) => row);
      const { body } = await predict(id, features, undefined, false);
      const expected = await referenceOf({
        method: 'stacking',
        members: body.members.map(({ prediction }: Row) => ({ predictions: prediction })),
        labels: [],
        truth: rows.map((row) => row[target_column]),
        rows: rows.length,
        fitted: rows.length,
      });
      body.prediction.forEach((value: number, row: number) =>
        expect(Math.abs(value / expected.predictions[row]! - 1)).toBeLessThan(1e-6),
      );
    });

    it('should have a leaderboard, and be a member and be calibrated as any model', async () => {
      const id = await taught('stacking');
      const board = (await acme.get(`/api/v1/ensembles/${id}/leaderboard`)).body;
      expect(board).toMatchObject({ method: 'stacking', metric: 'log_loss', rows: 200, warnings: [] });
      const { probabilities } = (await predict(id)).body;
      const losses = fresh.map(({ churned }, row) => -Math.log(probabilities[row][churned as number]));
      expect(board.loss).toBeCloseTo(losses.reduce((sum, loss) => sum + loss, 0) / losses.length, 5);
      for (const { weight, loss_without } of board.members) {
        expect(weight).toBeNull();
        expect(loss_without).toBeGreaterThan(0.9 * board.loss);
      }
      const outer = await createdId('voting_soft', { models: [{ model_id: id }, { model_id: 'churn' }] });
      expect((await predict(outer)).status).toBe(200);
      const path = `/api/v1/models/${id}/versions/1.0.0/calibration`;
      const { body } = await acme.post(path, { data_config: FRESH_TABLE });
      expect((await acme.waitForJob(`/api/v1/calibrations/${body.job_id}`)).body.status).toBe('succeeded');
    });

    it('should answer nothing without one of its members', async () => {
      const id = await taught('stacking');
      const move = (target_stage: string) =>
        acme.put('/api/v1/models/churnWithoutTickets/stage', { version: '1.0.0', target_stage });
      for (const stage of ['staging', 'production', 'archived']) await move(stage);
      const { status, body } = await predict(id, CUSTOMERS);
      expect({ status, body }).toMatchObject({
        status: 503,
        body: {
          code: 'ENSEMBLE_DEGRADED',
          detail: '2 of 3 members answered, and all have to.',
          errors: [{ pointer: '/members/2' }],
        },
      });
      for (const stage of ['development', 'staging', 'production']) await move(stage);
      expect((await predict(id, CUSTOMERS)).status).toBe(200);
    });

    it('should be explained as one function', async () => {
      const id = await taught('stacking');
      const options = { return_explanation: true, return_probabilities: true, class: 1 };
      const request = { model_id: id, features: CUSTOMERS[0], options };
      const { status, body } = await acme.post('/api/v1/predictions', request);
      expect({ status, body }).toMatchObject({ status: 200, body: { explanation: { class: 1 } } });
      const { base_value, contributions } = body.explanation;
      const sum = Object.values<number>(contributions).reduce((total, value) => total + value, base_value);
      expect(sum).toBeCloseTo(body.probabilities[0][1], 6);
    });

    it('should be changed only with its members as they are', async () => {
      const id = await createdId('voting_soft');
      for (const method of ['stacking', 'greedy'])
        expect(await patch(id, { method })).toMatchObject({
          status: 422,
          body: { errors: [{ pointer: '/method' }] },
        });
      const { body } = await fit(id);
      expect(await ended(body.job_id)).toMatchObject({ status: 'succeeded', result: { version: '1.1.0' } });
      const { meta_model, ...stacked } = (await acme.get(`/api/v1/ensembles/${id}?version=1.1.0`)).body;
      expect(stacked).toMatchObject({ method: 'stacking', fail_on_partial: true, stage: 'development' });

      const slower = await patch(id, { parallel_inference: false });
      expect(slower).toMatchObject({
        status: 200,
        body: { version: '1.2.0', method: 'stacking', meta_model },
      });
      const [before, after] = await Promise.all([predict(id, rows, '1.1.0'), predict(id, rows, '1.2.0')]);
      expect(after.body.probabilities).toEqual(before.body.probabilities);
      for (const [change, pointer] of [
        [{ models: members().slice(1) }, '/models'],
        [{ fail_on_partial: false }, '/fail_on_partial'],
        [{ strategy: 'cascade', threshold: 0.9 }, '/strategy'],
      ] as const)
        expect(await patch(id, change)).toMatchObject({ status: 422, body: { errors: [{ pointer }] } });

      const mean = await patch(id, {
        method: 'voting_soft',
        models: members().slice(1),
        fail_on_partial: false,
      });
      expect(mean).toMatchObject({
        status: 200,
        body: { version: '1.3.0', meta_model: null, members: [{ weight: 1 }, {}] },
      });
      const weights = await fit(id, { method: 'greedy' });
      expect(await ended(weights.body.job_id)).toMatchObject({
        result: { version: '1.4.0', method: 'greedy' },
      });
    });

    it('should say so where a member is answered by another version than it was learned with', async () => {
      const id = await taught('stacking');
      await scene.train('churn', 'train.parquet', 'churned', { estimator: 'logistic_regression', C: 0.1 });
      await acme.put('/api/v1/models/churn/stage', { version: '1.1.0', target_stage: 'staging' });
      await acme.put('/api/v1/models/churn/stage', { version: '1.1.0', target_stage: 'production' });
      const { warnings } = (await acme.get(`/api/v1/ensembles/${id}`)).body;
      expect(warnings).toContainEqual(
        expect.stringMatching(/'churn' is answered by 1\.1\.0 now, .* with 1\.0\.0/),
      );
    });
  });
});

interface Reference {
  readonly predictions: number[];
  readonly probabilities: number[][];
  readonly meta: { readonly coefficients: number[][] };
}

/** What scikit-learn makes of a case; see test/support/voting.py. */
async function referenceOf(reference: object): Promise<Reference> {
  const folder = await mkdtemp(join(tmpdir(), 'modelplane-stacking-'));
  try {
    const file = join(folder, 'cases.json');
    await writeFile(file, JSON.stringify([reference]));
    const [found] = JSON.parse(await python([join(__dirname, 'support/voting.py'), file]));
    return found;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
