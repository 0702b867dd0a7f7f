import { Changes } from '../src/platform/changes/changes.js';
import { BatchScene } from './support/batch-scene.js';
import { jsonLines, type Row, rowsOf } from './support/batches.js';
import { FEATURES } from './support/churn.js';
import type { Answer, Client } from './support/client.js';
import { makeData } from './support/data.js';
import { registerModel, upload } from './support/uploads.js';
import { fillVersion } from './support/versions.js';

/** Unlike each other: some are likely to leave, some to stay, some neither. */
const MANY: Row[] = Array.from({ length: 40 }, (_, at) => ({
  total_orders: (at * 7) % 60,
  days_since_last_order: (at * 37) % 365,
  avg_order_value: 20 + at * 7.5,
  support_tickets: at % 12,
}));

describe('a calibration by a labelled table', () => {
  let scene: BatchScene;
  let acme: Client;
  let churn: string;
  let artifact: Buffer;
  /** Of that artifact, as an upload describes them. */
  let features: object[];

  beforeAll(async () => {
    scene = await BatchScene.start();
    ({ acme } = scene);
    const { body } = await acme.get('/api/v1/models?name=churn');
    churn = body.data[0].model_id;
    await scene.put('large.parquet', (await makeData('large.parquet'))['large.parquet']!);
    const download = await fetch(`${acme.url}/api/v1/models/${churn}/versions/1.0.0/artifact`, {
      headers: { authorization: `Bearer ${acme.token}` },
    });
    artifact = Buffer.from(await download.arrayBuffer());
    const { signature } = (await acme.get(`/api/v1/models/${churn}/versions/1.0.0`)).body;
    features = signature.inputs.map(({ name, tensor }: Row) => ({ name, tensor, type: 'number' }));
  });
  afterAll(() => scene?.stop());

  const pathOf = (id: string, version = '1.0.0') => `/api/v1/models/${id}/versions/${version}/calibration`;
  const calibrate = (id: string, data_config: object, version?: string): Promise<Answer> =>
    acme.post(pathOf(id, version), { data_config });
  const predict = (model_id: string, features: unknown, options: object, version?: string) =>
    acme.post('/api/v1/predictions', { model_id, version, features, options });

  /** The model of churn as somebody else would bring it: its version has no calibration. */
  async function bring(labels: unknown[] = [0, 1]): Promise<string> {
    const id = await registerModel(acme, 'classification');
    const signature = { features, labels, label_encoding: 'index', target: 'churned' };
    const { status, body } = await upload(acme, id, artifact, signature);
    expect({ status, body }).toMatchObject({ status: 201 });
    return id;
  }

  async function ended({ status, body }: Answer): Promise<Row> {
    expect({ status, body }).toMatchObject({ status: 202, body: { status: 'submitted' } });
    const job = await acme.waitForJob(`/api/v1/calibrations/${body.job_id}`);
    // The end can be read a moment before the process that predicts has heard of it.
    await scene.service.app.get(Changes, { strict: false }).look();
    return job.body;
  }

  it('should give an uploaded version sets, which cover what was asked', async () => {
    const id = await bring();
    const before = await predict(id, FEATURES, { return_interval: 0.9 });
    expect(before.status).toBe(422);
    expect(before.body.errors[0].message).toMatch(
      new RegExp(`version 1.0.0 has none: it was not trained here; post a labelled table to ${pathOf(id)}`),
    );
    expect((await acme.get(pathOf(id))).body.code).toBe('NOT_FOUND');
    const versionBefore = (await acme.get(`/api/v1/models/${id}/versions/1.0.0`)).body;

    const job = await ended(await calibrate(id, { validation_path: 's3://data/large.parquet' }));
    expect(job).toMatchObject({ status: 'succeeded', error: null, warnings: [], model_id: id });
    const { body } = await acme.get(pathOf(id));
    expect(body).toEqual(job.result);
    expect(body).toMatchObject({ rows: 30_000, source: 'table', warnings: [], job_id: job.job_id });
    expect(body.measured.map(({ coverage }: Row) => coverage)).toEqual([0.8, 0.9, 0.95, 0.99]);
    for (const { coverage, measured, mean_size } of body.measured) {
      expect(mean_size).toBeGreaterThanOrEqual(1);
      // A set is never empty, so that it covers at least what the prediction alone does.
      if (mean_size > 1.05) expect(Math.abs(measured - coverage)).toBeLessThan(0.02);
    }

    const options = { return_interval: 0.9 };
    const after = (await predict(id, MANY, options)).body;
    expect(after.prediction_set.map(([first]: unknown[]) => first)).toEqual(after.prediction);
    expect(after).not.toHaveProperty('warnings');
    expect((await acme.get(`/api/v1/models/${id}/versions/1.0.0`)).body).toEqual(versionBefore);

    // The same rows by a batch, whose graph runs in a process of its own.
    await scene.put('many.jsonl', jsonLines(MANY));
    const batch = await scene.score({ model_id: id, input_path: 's3://data/many.jsonl', ...options });
    expect((await rowsOf(batch)).map((row) => row.prediction_set)).toEqual(after.prediction_set);
  });

  it('should replace an earlier one, and read classes and missing values as a file writes them', async () => {
    const id = await bring([false, true]);
    const rows = Array.from({ length: 300 }, (_, at) => {
      const { total_orders, days_since_last_order, avg_order_value, support_tickets } = MANY[at % 40]!;
      const features = [total_orders, days_since_last_order, avg_order_value, support_tickets];
      return [...features, at % 30 === 0 ? '' : at % 3 === 0 ? 'TRUE' : 'false'].join(',');
    });
    rows.push('many,1,1,1,true');
    const header = 'total_orders,days_since_last_order,avg_order_value,support_tickets,left';
    await scene.put('labelled.csv', [header, ...rows].join('\n'));
    const data = { validation_path: 's3://data/labelled.csv', target_column: 'left' };
    const first = await ended(await calibrate(id, { ...data, validation_path: 's3://data/labelled.csv' }));
    expect(first).toMatchObject({ status: 'succeeded', result: { rows: 290 } });
    expect(first.warnings).toEqual([
      expect.stringMatching(/^10 rows have no value in target column 'left' and took no part\.$/),
      expect.stringMatching(/^1 rows cannot be scored .* 'total_orders' must be a/),
    ]);
    await scene.put('fewer.csv', [header, ...rows.slice(1, 21)].join('\n'));
    const second = await ended(await calibrate(id, { ...data, validation_path: 's3://data/fewer.csv' }));
    expect(second).toMatchObject({
      result: { rows: 20, highest_coverage: 0.9523, measured: [expect.anything(), expect.anything()] },
    });
    expect((await predict(id, FEATURES, { return_interval: 0.96 })).body.errors[0].message).toMatch(
      /must be at most 0\.9523: version 1\.0\.0 was calibrated by 20 rows/,
    );
  });

  it('should say where the version was trained on the rows', async () => {
    const { body } = await acme.get('/api/v1/models/recency/versions/1.0.0');
    const job = await ended(await calibrate(body.model_id, { validation_path: 's3://data/large.parquet' }));
    const { rows, warnings } = job.result as Row;
    expect({ rows, warnings }).toEqual({
      rows: 30_000,
      warnings: [expect.stringMatching(/trained on some of these files/)],
    });
    const { days_since_last_order: _, ...known } = FEATURES;
    const features = { ...known, churned: 1 };
    const answer = await predict(body.model_id, features, { return_interval: 0.9 });
    expect(answer.body.warnings).toContainEqual(
      expect.stringMatching(/was trained on rows that calibrated it/),
    );
  });

  it.each([
    [
      'a column that is not there',
      { target_column: 'left' },
      'COLUMN_NOT_FOUND',
      /target_column: no column 'left'/,
    ],
    [
      'classes that the model does not have',
      { target_column: 'support_tickets' },
      'DATA_UNFIT',
      /holds '\d+', which is none of the model's classes: '0', '1'/,
    ],
    ['no file', { validation_path: 's3://data/none.parquet' }, 'NOT_FOUND', /no object/],
  ])('should fail for %s', async (_, changes, code, message) => {
    const job = await ended(
      await calibrate(churn, { validation_path: 's3://data/large.parquet', ...changes }),
    );
    expect(job).toMatchObject({ status: 'failed', error: { code, message: expect.stringMatching(message) } });
    // The one that training made is still there.
    expect((await acme.get(pathOf(churn))).body).toMatchObject({ rows: 120, source: 'held_out' });
  });

  it.each([
    [400, { data_config: { validation_path: 's3://data/a.csv', train_path: 's3://data/b.csv' } }],
    [400, { data_config: {} }],
    [400, { data_config: { validation_path: 7 } }],
    [400, { data_config: { validation_path: 'data/a.csv' } }],
    [400, { data_config: { validation_path: 's3://data/a.csv', target_column: null } }],
    [400, { data_config: { validation_path: 's3://data/a.csv' }, coverage: 0.9 }],
    [403, { data_config: { validation_path: 's3://others/a.csv' } }],
  ])('should be refused with %p for %j', async (status, body) => {
    expect((await acme.post(pathOf(churn), body)).status).toBe(status);
  });

  it('should be one at a time for a version', async () => {
    const data = { validation_path: 's3://data/large.parquet' };
    const answers = await Promise.all([1, 2, 3].map(() => calibrate(churn, data)));
    const [taken, ...others] = answers.sort((one, other) => one.status - other.status);
    expect(taken!.status).toBe(202);
    for (const { status, body } of others)
      expect({ status, code: body.code }).toEqual({ status: 409, code: 'JOB_STATE_CONFLICT' });
    expect(await ended(taken!)).toMatchObject({ status: 'succeeded' });
    const again = await acme.post(`/api/v1/calibrations/${taken!.body.job_id}/rerun`);
    expect(again.body).toMatchObject({ model_id: churn, version: '1.0.0', rerun_of: taken!.body.job_id });
    expect(await ended(again)).toMatchObject({ status: 'succeeded' });
    const changes = { data_config: { target_column: 'left' } };
    const changed = await acme.post(`/api/v1/calibrations/${taken!.body.job_id}/rerun`, changes);
    expect(await ended(changed)).toMatchObject({ status: 'failed', error: { code: 'COLUMN_NOT_FOUND' } });
  });

  it('should not be of a version that is archived, empty, or answers labels alone', async () => {
    const data = { validation_path: 's3://data/large.parquet', target_column: 'churned' };
    const id = await registerModel(acme, 'classification');
    expect((await calibrate(id, data)).body.code).toBe('STAGE_CONFLICT');
    await fillVersion(scene.service.database, id, '1.0.0', 'archived');
    const archived = await calibrate(id, data);
    expect(archived).toMatchObject({ status: 409, body: { code: 'STAGE_CONFLICT' } });
    expect(archived.body.detail).toMatch(/archived/);

    const alone = await registerModel(acme, 'classification');
    const signature = { features, labels: [0, 1], label_encoding: 'index', probabilities_tensor: null };
    expect((await upload(acme, alone, artifact, signature)).status).toBe(201);
    expect(await calibrate(alone, data)).toMatchObject({ status: 422, body: { code: 'VALIDATION_ERROR' } });
    const nameless = await registerModel(acme, 'classification');
    await upload(acme, nameless, artifact, { features, labels: [0, 1], label_encoding: 'index' });
    const refused = await calibrate(nameless, { validation_path: 's3://data/large.parquet' });
    expect(refused.body.errors).toEqual([
      { pointer: '/data_config/target_column', message: expect.stringMatching(/names no target/) },
    ]);
    expect((await calibrate(churn, data, '9.9.9')).status).toBe(404);
  });

  it('should be kept by no version that was archived meanwhile', async () => {
    const id = await bring();
    const submitted = await calibrate(id, { validation_path: 's3://data/large.parquet' });
    await scene.service.database.query(`update model_versions set stage = 'archived' where model_id = $1`, [
      id,
    ]);
    expect(await ended(submitted)).toMatchObject({ status: 'failed', error: { code: 'STAGE_CONFLICT' } });
    expect((await acme.get(pathOf(id))).status).toBe(404);
  });

  it('should be asked for by scientists', async () => {
    const viewer = await scene.service.as('acme-corp', 'viewer');
    const data_config = { validation_path: 's3://data/large.parquet' };
    expect((await viewer.post(pathOf(churn), { data_config })).status).toBe(403);
    expect((await viewer.get(pathOf(churn))).status).toBe(200);
    expect((await viewer.get('/api/v1/calibrations?limit=1')).body.data).toHaveLength(1);
  });

  it('should be of an ensemble, too, whose threshold decides alone and in batches', async () => {
    const models = [
      { model_id: churn, weight: 1 },
      { model_id: scene.churn, weight: 2 },
    ];
    const request = { name: 'sure together', method: 'voting_soft', models };
    const { body } = await acme.post('/api/v1/ensembles', request);
    const id = body.ensemble_id as string;
    expect((await predict(id, MANY, { return_interval: 0.9 })).status).toBe(422);
    expect(
      await ended(
        await calibrate(id, { validation_path: 's3://data/large.parquet', target_column: 'churned' }),
      ),
    ).toMatchObject({ status: 'succeeded', result: { rows: 30_000 } });
    const threshold = await acme.put(`/api/v1/models/${id}/versions/1.0.0/threshold`, {
      metric: 'cost',
      false_positive: 1,
      false_negative: 9,
    });
    expect(threshold.status).toBe(200);
    const options = { return_interval: 0.9, return_probabilities: true };
    const answer = (await predict(id, MANY, options)).body;
    expect(answer).toMatchObject({ coverage: 0.9, threshold: threshold.body.threshold });
    const ofSecond = answer.probabilities.map(([, second]: number[]) => second);
    expect(answer.prediction).toEqual(ofSecond.map((second: number) => (second >= answer.threshold ? 1 : 0)));
    await scene.put('together.jsonl', jsonLines(MANY));
    const input_path = 's3://data/together.jsonl';
    const batch = await scene.score({ model_id: id, input_path, return_interval: 0.9 });
    const rows = await rowsOf(batch);
    expect(rows.map(({ prediction }) => prediction)).toEqual(answer.prediction);
    expect(rows.map(({ prediction_set }) => prediction_set)).toEqual(answer.prediction_set);
  });

  describe('and its threshold', () => {
    const thresholdOf = (id: string) => `/api/v1/models/${id}/versions/1.0.0/threshold`;

    it('should decide what is answered, and change no probability', async () => {
      const id = scene.churn;
      const options = { return_probabilities: true };
      const before = (await predict(id, MANY, options)).body;
      const set = await acme.put(thresholdOf(id), { value: 0.2 });
      expect(set).toMatchObject({ status: 200, body: { threshold: 0.2, choice: null, positive_class: 1 } });
      const after = (await predict(id, MANY, options)).body;
      expect(after).toMatchObject({ threshold: 0.2, probabilities: before.probabilities });
      const ofSecond = before.probabilities.map(([, second]: number[]) => second);
      expect(after.prediction).toEqual(ofSecond.map((second: number) => (second >= 0.2 ? 1 : 0)));
      expect(after.prediction).not.toEqual(before.prediction);
      expect(after.confidence).toEqual(
        before.probabilities.map((ofRow: number[], row: number) => ofRow[after.prediction[row]]),
      );
      const at = after.prediction.findIndex((label: number, row: number) => label !== before.prediction[row]);

      // One row, with its explanation.
      const explained = (await predict(id, MANY[at], { return_explanation: true })).body;
      expect(explained).toMatchObject({ prediction: [after.prediction[at]], threshold: 0.2 });
      expect(explained.explanation.class).toBe(after.prediction[at]);

      // Later, and in a batch.
      const { body: job } = await acme.post('/api/v1/predictions/async', { model_id: id, features: MANY });
      let later = await acme.get(`/api/v1/predictions/async/${job.job_id}`);
      while (later.status === 202) later = await acme.get(`/api/v1/predictions/async/${job.job_id}`);
      expect(later.body).toMatchObject({ prediction: after.prediction, threshold: 0.2 });
      await scene.put('many.jsonl', jsonLines(MANY));
      const batch = await scene.score({ model_id: id, input_path: 's3://data/many.jsonl' });
      expect((await rowsOf(batch)).map(({ prediction }) => prediction)).toEqual(after.prediction);
      expect(batch.manifest.threshold).toBe(0.2);

      expect((await acme.get(`/api/v1/models/${id}/versions/1.0.0`)).body.threshold).toBe(0.2);
      const removed = await acme.delete(thresholdOf(id));
      expect(removed).toMatchObject({ status: 200, body: { threshold: null, set_by: null } });
      const again = (await predict(id, MANY, options)).body;
      expect(again.prediction).toEqual(before.prediction);
      expect(again).not.toHaveProperty('threshold');
      const events = (await acme.get('/api/v1/events?type=model.threshold_changed')).body.data as Row[];
      const expected = { model_id: id, version: '1.0.0' };
      const ofModel = events.map(({ data }) => data as Row).filter(({ model_id }) => model_id === id);
      expect(ofModel).toEqual([
        { ...expected, threshold: 0.2 },
        { ...expected, threshold: null },
      ]);
    });

    it.each<[object, (point: Record<string, number>) => number]>([
      [{ metric: 'f1' }, ({ f1 }) => f1!],
      [{ metric: 'youden' }, ({ recall, false_positive_rate }) => recall! - false_positive_rate!],
      [{ metric: 'precision', at_recall: 0.8 }, ({ precision, recall }) => (recall! >= 0.8 ? precision! : 0)],
      [{ metric: 'recall', at_precision: 0.7 }, ({ precision, recall }) => (precision! >= 0.7 ? recall! : 0)],
    ])('should be chosen for %j on the held-out rows', async (choice, worth) => {
      const id = scene.churn;
      const { status, body } = await acme.put(thresholdOf(id), choice);
      expect({ status, body }).toMatchObject({ status: 200, body: { choice, set_by: expect.any(String) } });
      expect(body.curve).toContainEqual(body.measured);
      expect(body.threshold).toBe(body.measured.threshold);
      expect(worth(body.measured)).toBe(Math.max(...body.curve.map(worth)));
      expect((await acme.get(thresholdOf(id))).body).toEqual(body);
      expect((await predict(id, FEATURES, {})).body.threshold).toBe(body.threshold);
      await acme.delete(thresholdOf(id));
    });

    it.each<[object, string, RegExp]>([
      [{}, '', /either a value or a metric/],
      [{ value: 0.5, metric: 'f1' }, '', /either a value or a metric/],
      [{ value: 1.5 }, '/value', /not be greater than 1/],
      [{ value: -0.1 }, '/value', /not be less than 0/],
      [{ value: '0.5' }, '/value', /must be a number/],
      [{ value: null }, '/value', /must be a number/],
      [{ metric: 'accuracy' }, '/metric', /must be one of/],
      [{ metric: 'cost' }, '/false_positive', /must be given for the metric cost/],
      [{ metric: 'cost', false_positive: 1, false_negative: -1 }, '/false_negative', /not be less than 0/],
      [{ metric: 'cost', false_positive: 0, false_negative: 0 }, '', /a cost that is not 0/],
      [{ metric: 'precision' }, '/at_recall', /must be given/],
      [{ metric: 'f1', at_recall: 0.8 }, '/at_recall', /has no meaning for the metric f1/],
      [{ value: 0.5, at_recall: 0.8 }, '/at_recall', /has no meaning for a value/],
      [{ threshold: 0.5 }, '/threshold', /is not a known field/],
    ])('should be refused for %j', async (body, pointer, message) => {
      const answer = await acme.put(thresholdOf(churn), body);
      expect(answer.status).toBe(400);
      expect(answer.body.errors).toContainEqual({ pointer, message: expect.stringMatching(message) });
    });

    it('should be refused where it cannot be', async () => {
      const regression = (await acme.get('/api/v1/models/recency/versions/1.0.0')).body.model_id;
      const refused = await acme.put(thresholdOf(regression), { value: 0.5 });
      expect(refused).toMatchObject({ status: 422, body: { code: 'VALIDATION_ERROR' } });
      expect((await acme.put(thresholdOf(await bring()), { metric: 'f1' })).body.errors).toEqual([
        { pointer: '/metric', message: expect.stringMatching(/needs labelled rows/) },
      ]);
      const viewer = await scene.service.as('acme-corp', 'viewer');
      expect((await viewer.put(thresholdOf(churn), { value: 0.5 })).status).toBe(403);
      const id = await registerModel(acme, 'classification');
      expect((await acme.put(thresholdOf(id), { value: 0.5 })).body.code).toBe('STAGE_CONFLICT');
      await fillVersion(scene.service.database, id, '1.0.0', 'archived');
      expect((await acme.put(thresholdOf(id), { value: 0.5 })).body.code).toBe('STAGE_CONFLICT');
    });

    it('should be changed only from the state that the caller saw', async () => {
      const { headers } = await acme.get(thresholdOf(churn));
      const seen = { 'if-match': headers.get('etag')! };
      expect((await acme.put(thresholdOf(churn), { value: 0.3 }, seen)).status).toBe(200);
      expect((await acme.put(thresholdOf(churn), { value: 0.4 }, seen)).status).toBe(412);
      expect((await acme.get(thresholdOf(churn))).body.threshold).toBe(0.3);
      await acme.delete(thresholdOf(churn));
    });

    it('should stay when the version is calibrated anew', async () => {
      const id = await bring();
      await acme.put(thresholdOf(id), { value: 0.3 });
      await ended(await calibrate(id, { validation_path: 's3://data/large.parquet' }));
      const { body } = await acme.get(thresholdOf(id));
      expect(body.threshold).toBe(0.3);
      expect(body.curve).toHaveLength(500);
      expect((await predict(id, FEATURES, { return_interval: 0.9 })).body).toMatchObject({
        threshold: 0.3,
        coverage: 0.9,
      });
    });

    it('should be chosen by training', async () => {
      const train = async (threshold: object, more: object = {}) => {
        const { status, body } = await acme.post('/api/v1/training', {
          model_name: `deciding ${JSON.stringify(threshold)}`.replace(/[^\w ]/g, ''),
          framework: 'sklearn',
          data_config: { train_path: 's3://data/val.parquet', target_column: 'churned' },
          hyperparameters: { estimator: 'logistic_regression' },
          training_config: { threshold },
          ...more,
        });
        if (status !== 202) return { status, body };
        return { status, body: (await acme.waitForJob(`/api/v1/training/${body.job_id}`)).body };
      };
      const choice = { metric: 'cost', false_positive: 1, false_negative: 20 };
      const { body: job } = await train(choice);
      expect(job).toMatchObject({ status: 'succeeded', warnings: [] });
      const { body } = await acme.get(thresholdOf(job.result.model_id));
      expect(body).toMatchObject({ choice, measured: { threshold: body.threshold } });
      expect((await predict(job.result.model_id, FEATURES, {})).body.threshold).toBe(body.threshold);

      const unclear = await train({ metric: 'cost' });
      expect(unclear).toMatchObject({
        status: 400,
        body: { errors: [{ pointer: '/training_config/threshold/false_positive' }] },
      });
      const hyperparameters = { estimator: 'ridge' };
      const regression = await train({ metric: 'f1' }, { model_type: 'regression', hyperparameters });
      expect(regression).toMatchObject({
        status: 422,
        body: { errors: [{ pointer: '/training_config/threshold' }] },
      });
      const number = await train(
        { metric: 'youden' },
        {
          data_config: { train_path: 's3://data/val.parquet', target_column: 'avg_order_value' },
          hyperparameters,
        },
      );
      expect(number.body).toMatchObject({ status: 'succeeded' });
      expect(number.body.warnings).toContainEqual(
        expect.stringMatching(/^training_config\.threshold is for a classification.* and was ignored\.$/),
      );
    });
  });
});
