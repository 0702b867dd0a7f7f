import { BATCH, BatchScene } from './support/batch-scene.js';
import { jsonLines, type Row, rowsOf, toParquet } from './support/batches.js';
import { FEATURES } from './support/churn.js';
import type { Answer, Client } from './support/client.js';

const RECENT = { total_orders: 15, avg_order_value: 125.5, support_tickets: 3, churned: 0 };

/** Rows that the models of customers take, unlike each other. */
const CUSTOMERS: Row[] = Array.from({ length: 60 }, (_, at) => ({
  total_orders: at,
  days_since_last_order: (at * 37) % 365,
  avg_order_value: 20 + at * 7.5,
  support_tickets: at % 12,
}));
const RECENTS: Row[] = CUSTOMERS.map(({ days_since_last_order: _, ...row }, at) => ({
  ...row,
  churned: at % 2,
}));

describe('how sure a version is', () => {
  let scene: BatchScene;
  let acme: Client;
  let churn: string;
  let recency: string;

  beforeAll(async () => {
    scene = await BatchScene.start();
    ({ acme } = scene);
    const models = (await acme.get('/api/v1/models')).body.data as { name: string; model_id: string }[];
    const idOf = (name: string) => models.find((model) => model.name === name)!.model_id;
    [churn, recency] = [idOf('churn'), idOf('recency')];
  });
  afterAll(() => scene?.stop());

  const predict = (model_id: string, features: unknown, options: object): Promise<Answer> =>
    acme.post('/api/v1/predictions', { model_id, features, options });

  describe('in a prediction', () => {
    it('should be an interval around the value of a regression', async () => {
      const { status, body } = await predict(recency, RECENT, { return_interval: 0.9 });
      expect({ status, body }).toMatchObject({ status: 200, body: { coverage: 0.9 } });
      const { lower, upper } = body.interval;
      expect(lower).toBeLessThan(body.prediction[0]);
      expect((lower + upper) / 2).toBeCloseTo(body.prediction[0], 9);
      expect(body).not.toHaveProperty('prediction_set');
      const wider = (await predict(recency, RECENT, { return_interval: 0.99 })).body.interval;
      expect(wider.upper - wider.lower).toBeGreaterThan(upper - lower);
    });

    it('should be a set of classes that holds the more probable one', async () => {
      const options = { return_interval: 0.9, return_probabilities: true };
      const { body } = await predict(churn, CUSTOMERS, options);
      expect(body.coverage).toBe(0.9);
      expect(body.prediction_set).toHaveLength(CUSTOMERS.length);
      const sets = body.prediction_set as unknown[][];
      expect(sets.map(([first]) => first)).toEqual(body.prediction);
      expect(new Set(sets.map(({ length }) => length))).toEqual(new Set([1, 2]));
      // What is less sure has the larger set.
      const confidence = (length: number) =>
        sets.flatMap((set, row) => (set.length === length ? [body.confidence[row] as number] : []));
      expect(Math.max(...confidence(2))).toBeLessThan(Math.min(...confidence(1)));
      const alone = await predict(churn, CUSTOMERS[3], options);
      expect(alone.body.prediction_set).toEqual(sets[3]);
    });

    it('should cover customers that training has not seen about as often as was asked', async () => {
      const { status, body } = await acme.get(`/api/v1/models/${recency}/versions/1.0.0/calibration`);
      expect(status).toBe(200);
      expect(body.rows).toBe(6000);
      for (const { coverage, measured } of body.measured)
        expect(Math.abs(measured - coverage)).toBeLessThan(0.02);
    });

    it('should warn where the rows that calibrated it decided when training stopped', async () => {
      const options = { return_interval: 0.8 };
      const { body } = await predict(scene.subscriptions, scene.subscribers[0], options);
      expect(body.warnings).toEqual([
        expect.stringMatching(/rows that calibrated .* when its training stop/),
      ]);
      expect((await predict(churn, FEATURES, options)).body).not.toHaveProperty('warnings');
    });

    it('should not be told where nobody asked', async () => {
      const { body } = await predict(churn, FEATURES, {});
      for (const name of ['interval', 'prediction_set', 'coverage', 'threshold', 'warnings'])
        expect(body).not.toHaveProperty(name);
    });

    it.each([0, 1, -0.5, 1.5, '0.9', true, null, [0.9]])('should be refused for %p', async (asked) => {
      const { status, body } = await predict(churn, FEATURES, { return_interval: asked });
      expect(status).toBe(400);
      expect(body.errors).toEqual([
        {
          pointer: '/options/return_interval',
          message: expect.stringMatching(/number of more than 0 and less than 1/),
        },
      ]);
    });

    it('should be refused where the rows are too few, with the most that they allow', async () => {
      const { status, body } = await predict(churn, FEATURES, { return_interval: 0.995 });
      expect(status).toBe(422);
      expect(body.errors[0]).toMatchObject({ pointer: '/options/return_interval' });
      expect(body.errors[0].message).toMatch(/must be at most 0\.9917: .* by 120 rows/);
      expect((await predict(churn, FEATURES, { return_interval: 0.9917 })).status).toBe(200);
    });
  });

  describe('in asynchronous predictions and batches', () => {
    const answerOf = async (body: object): Promise<Answer> => {
      const submitted = await acme.post('/api/v1/predictions/async', body);
      expect(submitted.status).toBe(202);
      for (;;) {
        const answer = await acme.get(`/api/v1/predictions/async/${submitted.body.job_id}`);
        if (answer.status !== 202) return answer;
      }
    };

    it('should be what a single prediction says', async () => {
      const options = { return_interval: 0.9 };
      const { body } = await answerOf({ model_id: churn, features: CUSTOMERS, options });
      const single = (await predict(churn, CUSTOMERS, options)).body;
      expect(body).toMatchObject({ coverage: 0.9, prediction_set: single.prediction_set });
      const refused = { model_id: churn, features: FEATURES, options: { return_interval: 0.999 } };
      expect((await acme.post('/api/v1/predictions/async', refused)).status).toBe(422);
    });

    it('should be columns of Parquet', async () => {
      await scene.put('sure.parquet', await toParquet(CUSTOMERS, 25));
      await scene.put('recent.parquet', await toParquet(RECENTS, 25));
      const options = { return_interval: 0.9 };
      const sets = await scene.score({
        model_id: churn,
        input_path: 's3://data/sure.parquet',
        ...options,
      });
      const single = (await predict(churn, CUSTOMERS, options)).body;
      expect((await rowsOf(sets)).map((row) => row.prediction_set)).toEqual(single.prediction_set);
      expect(sets.manifest).toMatchObject({ coverage: 0.9, threshold: null });
      const intervals = await scene.score({
        model_id: recency,
        input_path: 's3://data/recent.parquet',
        ...options,
      });
      const expected = (await predict(recency, RECENTS, options)).body.interval as Row[];
      for (const [at, row] of (await rowsOf(intervals)).entries()) {
        expect(row.prediction_lower).toBeCloseTo(expected[at]!.lower as number, 4);
        expect(row.prediction_upper).toBeCloseTo(expected[at]!.upper as number, 4);
      }
    });

    it('should be JSON in CSV', async () => {
      await scene.put('sure.jsonl', jsonLines(scene.subscribers.slice(0, 40)));
      const { files, job } = await scene.score({
        model_id: scene.subscriptions,
        input_path: 's3://data/sure.jsonl',
        output_format: 'csv',
        passthrough_columns: [],
        return_interval: 0.8,
      });
      const [header, ...lines] = [...files.values()][0]!.toString().trim().split('\n');
      expect(header).toMatch(/"?prediction_set"?/);
      const options = { return_interval: 0.8 };
      const rows = scene.subscribers.slice(0, 40);
      const { prediction_set: sets } = (await predict(scene.subscriptions, rows, options)).body;
      expect(lines.map((line) => JSON.parse(/"(\[.*\])"/.exec(line)![1]!.replaceAll('""', '"')))).toEqual(
        sets,
      );
      expect(job.warnings).toEqual([expect.stringMatching(/when its training stopped/)]);
    });

    it.each([
      [0.999, 422],
      [2, 400],
      ['0.9', 400],
      [null, 400],
    ])('should be refused for %p', async (asked, refusal) => {
      const request = {
        model_id: churn,
        input_path: 's3://data/two.jsonl',
        output_path: 's3://predictions/no/',
      };
      const { status, body } = await acme.post(BATCH, { ...request, return_interval: asked });
      expect(status).toBe(refusal);
      expect(body.errors[0].pointer).toBe('/return_interval');
    });
  });
});
