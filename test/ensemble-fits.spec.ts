import { Changes } from '../src/platform/changes/changes.js';
import { BatchScene } from './support/batch-scene.js';
import { type Row, rowsOf } from './support/batches.js';
import type { Answer, Client } from './support/client.js';
import { makeData } from './support/data.js';
import { FRESH_TABLE, freshCustomers, toCsv } from './support/fresh-customers.js';

const TABLE = FRESH_TABLE;

describe('the weights of an ensemble, learned by a labelled table', () => {
  let scene: BatchScene;
  let acme: Client;
  let churn: string;
  let forest: string;
  let withoutTickets: string;
  let made = 0;
  /** Rows of `TABLE`, which none of the models was trained on. */
  let fresh: Row[];

  beforeAll(async () => {
    scene = await BatchScene.start();
    ({ acme, churn: forest } = scene);
    const idOf = async (name: string) =>
      (await acme.get(`/api/v1/models?name=${name}`)).body.data[0].model_id;
    [churn, withoutTickets] = [await idOf('churn'), await idOf('churnWithoutTickets')];
    fresh = freshCustomers();
    await scene.put('fresh.csv', toCsv(fresh));
  });
  afterAll(() => scene?.stop());

  const members = () => [churn, forest, withoutTickets].map((model_id) => ({ model_id }));
  async function create(more: object = {}): Promise<string> {
    const request = { name: `fitted ${++made}`, method: 'voting_soft', models: members(), ...more };
    const { status, body } = await acme.post('/api/v1/ensembles', request);
    expect({ status, body }).toMatchObject({ status: 201 });
    return body.ensemble_id;
  }
  const fit = (id: string, changes: object = {}) =>
    acme.post(`/api/v1/ensembles/${id}/fit`, { method: 'greedy', data_config: TABLE, ...changes });
  async function ended({ status, body }: Answer): Promise<Row> {
    expect({ status, body }).toMatchObject({ status: 202, body: { status: 'submitted' } });
    const job = await acme.waitForJob(`/api/v1/ensemble-fits/${body.job_id}`);
    // The end can be read a moment before the process that predicts has heard of it.
    await scene.service.app.get(Changes, { strict: false }).look();
    return job.body;
  }
  /** Some of the rows that the members were trained on. */
  async function trainingRows(): Promise<Row[]> {
    const files = new Map(Object.entries(await makeData('train.parquet')));
    return (await rowsOf({ files }))
      .slice(0, 500)
      .map(({ total_orders, days_since_last_order, avg_order_value, support_tickets, churned }) => ({
        total_orders,
        days_since_last_order,
        avg_order_value,
        support_tickets,
        churned,
      }));
  }
  /** Log loss of what a version answers to single rows. */
  async function lossOf(id: string, rows: readonly Row[], version?: string): Promise<number> {
    const options = { return_probabilities: true };
    const features = rows.map(({ churned: _, ...row }) => row);
    const { status, body } = await acme.post('/api/v1/predictions', {
      model_id: id,
      version,
      features,
      options,
    });
    expect({ status, code: body.code }).toEqual({ status: 200, code: undefined });
    const losses = rows.map(
      ({ churned }, at) => -Math.log(Math.max(body.probabilities[at][churned as number], 1e-15)),
    );
    return losses.reduce((sum, loss) => sum + loss, 0) / rows.length;
  }

  it('should be those of the next version, which answers by them', async () => {
    const id = await create({ min_models_required: 2 });
    expect(await acme.get(`/api/v1/ensembles/${id}/leaderboard`)).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND', detail: expect.stringMatching(/post one to \/api\/v1\/ensembles\/.*\/fit/) },
    });
    const submitted = await fit(id);
    expect(submitted.body).toMatchObject({ ensemble_id: id, version: '1.0.0' });
    const job = await ended(submitted);
    expect(job).toMatchObject({ status: 'succeeded', error: null, warnings: [], ensemble_id: id });
    const board = job.result as Row;
    expect(board).toMatchObject({
      ensemble_id: id,
      version: '1.1.0',
      rows: 200,
      metric: 'log_loss',
      ...TABLE,
    });
    expect((await acme.get(`/api/v1/ensembles/${id}/leaderboard`)).body).toEqual(board);

    const { body } = await acme.get(`/api/v1/ensembles/${id}?version=1.1.0`);
    expect(body).toMatchObject({ method: 'voting_soft', min_models_required: 2, stage: 'development' });
    const weights = new Map(body.members.map(({ model_id, weight }: Row) => [model_id, weight]));
    expect([...weights.values()].reduce((sum: number, weight) => sum + Number(weight), 0)).toBeCloseTo(1, 9);
    const ranked = board.members as Row[];
    expect(ranked.map(({ model_id }) => weights.get(model_id as string))).toEqual(
      ranked.map(({ weight }) => weight),
    );
    const losses = ranked.map(({ loss }) => loss as number);
    expect(losses).toEqual([...losses].sort((one, other) => one - other));
    expect(board.loss).toBeLessThanOrEqual(losses[0]!);
    expect(await lossOf(id, fresh, '1.1.0')).toBeCloseTo(board.loss as number, 5);
    expect(await lossOf(id, fresh, '1.0.0')).toBeCloseTo(board.loss_of_equal_weights as number, 5);
    expect(await lossOf(churn, fresh)).toBeCloseTo(
      ranked.find(({ model_id }) => model_id === churn)!.loss as number,
      5,
    );
    const version = await acme.get(`/api/v1/models/${id}/versions/1.1.0`);
    expect(version.body).toMatchObject({
      metrics: { fit_log_loss: board.loss },
      lineage: { job_id: job.job_id, data: { ...TABLE, rounds: 50 } },
    });

    // What an ensemble loses with a member is what it answers when it is made without it.
    const weighted = members().map((member) => ({
      ...member,
      weight: weights.get(member.model_id) as number,
    }));
    expect(weighted.slice(1).some(({ weight }) => weight > 0)).toBe(true);
    const others = await create({ models: weighted.slice(1) });
    const ofFirst = ranked.find(({ model_id }) => model_id === churn)!.loss_without;
    expect(await lossOf(others, fresh)).toBeCloseTo(ofFirst as number, 5);
  });

  it('should be by members that are trained again without the rows that they were trained on', async () => {
    const id = await create();
    const data_config = { validation_path: 's3://data/train.parquet', target_column: 'churned' };
    const job = await ended(await fit(id, { data_config, folds: 3 }));
    const { members: ranked, warnings } = job.result as { members: Row[]; warnings: string[] };
    expect(ranked).toEqual(
      Array.from({ length: 3 }, () => expect.objectContaining({ has_seen_rows: true, is_out_of_fold: true })),
    );
    expect(warnings.join()).not.toMatch(/trained on some of these files/);
    // A forest that knows rows by heart is far better at them than at others.
    const loss = ranked.find(({ model_id }) => model_id === forest)!.loss as number;
    const rows = await trainingRows();
    expect(loss).toBeGreaterThan(1.1 * (await lossOf(forest, rows)));
    const version = await acme.get(`/api/v1/models/${id}/versions/1.1.0`);
    expect(version.body.lineage.data).toMatchObject({ folds: 3 });
  });

  it('should say which members know the rows and cannot be trained again, and so a calibration by them', async () => {
    const inner = await create({ models: members().slice(0, 2) });
    const id = await create({ models: [{ model_id: inner }, { model_id: withoutTickets }] });
    const data_config = { validation_path: 's3://data/train.parquet', target_column: 'churned' };
    const job = await ended(await fit(id, { data_config }));
    const { members: ranked, warnings } = job.result as { members: Row[]; warnings: string[] };
    const known = ranked.map(({ model_id, has_seen_rows, is_out_of_fold }) => [
      model_id === inner,
      has_seen_rows,
      is_out_of_fold,
    ]);
    expect(known).toEqual(
      expect.arrayContaining([
        [true, true, false],
        [false, true, true],
      ]),
    );
    expect(warnings[0]).toMatch(/^1 of the members were trained on some of these files/);

    await ended(await fit(id));
    const path = `/api/v1/models/${id}/versions/1.2.0/calibration`;
    const calibrating = await acme.post(path, { data_config: TABLE });
    const { body } = await acme.waitForJob(`/api/v1/calibrations/${calibrating.body.job_id}`);
    expect(body.result.warnings).toEqual([expect.stringMatching(/trained on some of these files/)]);
  });

  it('should be of the values of a regression', async () => {
    const recency = (await acme.get('/api/v1/models?name=recency')).body.data[0].model_id;
    const models = [{ model_id: recency }, { model_id: recency, version: '1.0.0' }];
    const id = await create({ models, method: 'averaging' });
    const data_config = { ...TABLE, target_column: 'days_since_last_order' };
    const job = await ended(await fit(id, { data_config, rounds: 3 }));
    const board = job.result as Row;
    expect(board).toMatchObject({ metric: 'squared_error', rows: 200 });
    // Of two that answer alike the earlier has all the weight, and the other is no loss.
    expect((await acme.get(`/api/v1/ensembles/${id}?version=1.1.0`)).body.members).toMatchObject([
      { weight: 1 },
      { weight: 0 },
    ]);
    const features = fresh.map(({ days_since_last_order: _, ...row }) => row);
    const { prediction } = (await acme.post('/api/v1/predictions', { model_id: recency, features })).body;
    const errors = fresh.map((row, at) => (prediction[at] - Number(row.days_since_last_order)) ** 2);
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    expect(Number(board.loss) / mean).toBeCloseTo(1, 5);
    expect(board.warnings).toEqual([expect.stringMatching(/^1 of the members got the weight 0/)]);
  });

  it('should be of members that are ensembles or are pinned to a version, too', async () => {
    const soft = await create({ models: members().slice(0, 2) });
    const models = [{ model_id: soft }, { model_id: withoutTickets, version: '1.0.0' }];
    const id = await create({ models });
    const { status, result } = await ended(await fit(id));
    const board = result as { version: string; loss: number; members: Row[] };
    expect({ status, version: board.version }).toEqual({ status: 'succeeded', version: '1.1.0' });
    expect(board.members.find(({ model_id }) => model_id === soft)!.loss).toBeCloseTo(
      await lossOf(soft, fresh),
      5,
    );
    expect(await lossOf(id, fresh, '1.1.0')).toBeCloseTo(board.loss, 5);
  });

  it('should not be kept where the ensemble was changed meanwhile, and be learned anew by a rerun', async () => {
    const id = await create();
    const [first, second] = await Promise.all([fit(id), fit(id)]);
    const jobs = [await ended(first), await ended(second)];
    const failed = jobs.filter(({ status }) => status === 'failed');
    expect(failed).toMatchObject([{ error: { code: 'STAGE_CONFLICT' } }]);
    const again = await acme.post(`/api/v1/ensemble-fits/${failed[0]!.job_id as string}/rerun`);
    expect(again.body).toMatchObject({ version: '1.1.0', rerun_of: failed[0]!.job_id });
    expect(await ended(again)).toMatchObject({ status: 'succeeded', result: { version: '1.2.0' } });
    const listed = await acme.get(`/api/v1/ensemble-fits?ensemble_id=${id}&status=succeeded`);
    expect(listed.body.data).toHaveLength(2);
    const first110 = await acme.get(`/api/v1/ensembles/${id}/leaderboard?version=1.1.0`);
    expect(first110.body).toMatchObject({ version: '1.1.0' });
    const given = await acme.get(`/api/v1/ensembles/${id}/leaderboard?version=1.0.0`);
    expect(given).toMatchObject({ status: 404, body: { detail: expect.stringMatching(/1\.0\.0 were not/) } });
  });

  it.each([
    ['no column', { target_column: 'left' }, 'COLUMN_NOT_FOUND'],
    ['classes that no member has', { target_column: 'support_tickets' }, 'DATA_UNFIT'],
    ['no file', { validation_path: 's3://data/none.csv' }, 'NOT_FOUND'],
  ])('should fail for %s, and leave the ensemble as it was', async (_, changes, code) => {
    const id = await create();
    const job = await ended(await fit(id, { data_config: { ...TABLE, ...changes } }));
    expect(job).toMatchObject({ status: 'failed', error: { code }, result: null });
    expect((await acme.get(`/api/v1/models/${id}/versions`)).body.data).toHaveLength(1);
  });

  it.each([
    [400, { method: 'voting_soft' }, '/method'],
    [400, { method: null }, '/method'],
    [400, { rounds: 0 }, '/rounds'],
    [400, { rounds: 201 }, '/rounds'],
    [400, { rounds: 1.5 }, '/rounds'],
    [400, { folds: 1 }, '/folds'],
    [400, { folds: 21 }, '/folds'],
    [400, { data_config: null }, '/data_config'],
    [400, { data_config: { ...TABLE, train_path: 's3://data/a.csv' } }, '/data_config/train_path'],
    [400, { weights: [1] }, '/weights'],
    [403, { data_config: { validation_path: 's3://others/a.csv' } }, '/data_config/validation_path'],
  ])('should be refused with %p for %j', async (status, changes, pointer) => {
    const answer = await fit(await create(), changes);
    expect([answer.status, answer.body.errors?.[0].pointer]).toEqual([status, pointer]);
  });

  it.each([
    ['votes', { method: 'voting_hard' }],
    ['ranks', { method: 'rank' }],
    ['a cascade', { strategy: 'cascade', threshold: 0.9 }],
  ])('should not be those of %s', async (_, how) => {
    const answer = await fit(await create(how));
    expect(answer).toMatchObject({ status: 422, body: { code: 'VALIDATION_ERROR' } });
    expect(answer.body.detail).toMatch(/voting_soft, averaging, stacking that ask all members/);
  });

  it('should be learned by scientists, for ensembles alone', async () => {
    expect((await fit(churn)).body).toMatchObject({ status: 404, code: 'MODEL_NOT_FOUND' });
    expect((await acme.get(`/api/v1/ensembles/${churn}/leaderboard`)).body.code).toBe('MODEL_NOT_FOUND');
    const id = await create();
    const viewer = await scene.service.as('acme-corp', 'viewer');
    const request = { method: 'greedy', data_config: TABLE };
    expect((await viewer.post(`/api/v1/ensembles/${id}/fit`, request)).status).toBe(403);
  });
});
