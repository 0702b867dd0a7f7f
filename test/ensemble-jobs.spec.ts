import { BatchScene, BATCH, CUSTOMERS } from './support/batch-scene.js';
import { jsonLines, type Row, rowsOf } from './support/batches.js';
import { makeData } from './support/data.js';

const BODIES = { name: '', method: 'voting_soft', models: ['churn', 'churnOfForest', 'churnWithoutTickets'] };

describe('ensembles in jobs, explanations and the log', () => {
  let scene: BatchScene;
  let rows: Row[];
  let made = 0;

  beforeAll(async () => {
    scene = await BatchScene.start();
    const files = new Map(Object.entries(await makeData('val.parquet')));
    rows = (await rowsOf({ files }))
      .slice(0, 40)
      .map(({ total_orders, days_since_last_order, avg_order_value, support_tickets }) => ({
        total_orders,
        days_since_last_order,
        avg_order_value,
        support_tickets,
      }));
    await scene.put('some.jsonl', jsonLines(rows));
  });
  afterAll(() => scene?.stop());

  async function ensemble(more: object = {}): Promise<string> {
    const models = BODIES.models.map((model_id, at) => ({ model_id, weight: 3 - at }));
    const request = { ...BODIES, name: `of jobs ${++made}`, models, ...more };
    const { status, body } = await scene.acme.post('/api/v1/ensembles', request);
    expect({ status, body }).toMatchObject({ status: 201 });
    return body.ensemble_id;
  }

  describe('a batch', () => {
    const kinds: [string, object | (() => Promise<object>)][] = [
      ['mean probabilities', {}],
      ['votes', { method: 'voting_hard' }],
      ['mean ranks', { method: 'rank' }],
      ['a cascade', { strategy: 'cascade', threshold: 0.8, min_models_required: 1 }],
      ['a cascade of at least two', { strategy: 'cascade', threshold: 0.6, min_models_required: 2 }],
      [
        'an ensemble in an ensemble',
        async () => ({ models: [{ model_id: await ensemble() }, { model_id: 'churnOfForest' }] }),
      ],
    ];

    it.each(kinds)('should answer by %s as single predictions do', async (_, more) => {
      const id = await ensemble(typeof more === 'function' ? await more() : more);
      const output = await scene.score({ model_id: id, input_path: 's3://data/some.jsonl' });
      await scene.expectEqual(output, id, rows);
      expect(output.manifest).toMatchObject({
        model_id: id,
        model_version: '1.0.0',
        members: expect.arrayContaining([expect.objectContaining({ model_version: '1.0.0' })]),
      });
    });

    it('should refuse a row that one member cannot take, in the words of a single prediction', async () => {
      const id = await ensemble();
      const odd = [
        CUSTOMERS[0]!,
        { ...CUSTOMERS[1], total_orders: 'many' },
        { ...CUSTOMERS[1], support_tickets: 'x' },
      ];
      await scene.put('odd.jsonl', jsonLines(odd));
      const request = { model_id: id, input_path: 's3://data/odd.jsonl', max_error_share: 1 };
      const output = await scene.score(request);
      expect(output.errors).toHaveLength(2);
      await scene.expectEqual(output, id, odd);
    });

    it('should be refused while a member does not answer', async () => {
      const { body: empty } = await scene.acme.post('/api/v1/ensembles', {
        ...BODIES,
        name: 'with one that will be gone',
        models: [{ model_id: 'churn' }, { model_id: 'churnWithoutTickets' }],
      });
      const move = (version: string, target_stage: string) =>
        scene.acme.put('/api/v1/models/churnWithoutTickets/stage', { version, target_stage });
      for (const stage of ['staging', 'production', 'archived'])
        expect((await move('1.0.0', stage)).status).toBe(200);
      const request = {
        model_id: empty.model_id,
        input_path: 's3://data/some.jsonl',
        output_path: 's3://predictions/none/',
      };
      expect(await scene.acme.post(BATCH, request)).toMatchObject({
        status: 422,
        body: {
          errors: [
            {
              pointer: '/model_id',
              message: expect.stringMatching(/does not answer now: .*no version in production/),
            },
          ],
        },
      });
      for (const stage of ['development', 'staging', 'production'])
        expect((await move('1.0.0', stage)).status).toBe(200);
    });
  });

  it('should answer asynchronous predictions', async () => {
    const model_id = await ensemble();
    const request = { model_id, features: CUSTOMERS, options: { return_members: true } };
    const { body } = await scene.acme.post('/api/v1/predictions/async', request);
    const job = await scene.acme.waitForJob(`/api/v1/jobs/${body.job_id}`);
    expect(job.body).toMatchObject({ status: 'succeeded' });
    const { body: answer } = await scene.acme.get(`/api/v1/predictions/async/${body.job_id}`);
    const { body: single } = await scene.acme.post('/api/v1/predictions', request);
    expect(answer).toMatchObject({
      prediction: single.prediction,
      confidence: single.confidence,
      members: single.members,
    });
    const unfit = { model_id, features: { ...CUSTOMERS[0], total_orders: 'many' } };
    expect(await scene.acme.post('/api/v1/predictions/async', unfit)).toMatchObject({ status: 422 });
  });

  describe('an explanation', () => {
    it('should be the weighted mean of those of the members, and add up to the prediction', async () => {
      const [features] = CUSTOMERS;
      const options = { return_explanation: true, return_probabilities: true, class: 1 };
      const model_id = await ensemble();
      const { status, body } = await scene.acme.post('/api/v1/predictions', { model_id, features, options });
      expect({ status, body }).toMatchObject({ status: 200, body: { explanation: { class: 1 } } });
      const { base_value, contributions } = body.explanation;
      const sum = Object.values<number>(contributions).reduce((total, value) => total + value, base_value);
      expect(sum).toBeCloseTo(body.probabilities[0][1], 6);

      const members = await Promise.all(
        BODIES.models.map(async (name) => {
          const { support_tickets: _, ...fewer } = features!;
          const own = name === 'churnWithoutTickets' ? fewer : features;
          return (await scene.acme.post('/api/v1/predictions', { model_id: name, features: own, options }))
            .body.explanation;
        }),
      );
      for (const name of Object.keys(features!)) {
        const mean = members.reduce(
          (total, { contributions: own }, at) => total + ((3 - at) / 6) * (own[name] ?? 0),
          0,
        );
        expect(contributions[name]).toBeCloseTo(mean, 9);
      }
    });

    it('should be of the class that the ensemble predicts, whatever its members say', async () => {
      const model_id = await ensemble({ models: [{ model_id: await ensemble() }, { model_id: 'churn' }] });
      const options = { return_explanation: true };
      const { body } = await scene.acme.post('/api/v1/predictions', {
        model_id,
        features: CUSTOMERS,
        options,
      });
      expect(body.explanation.map(({ class: label }: { class: number }) => label)).toEqual(body.prediction);
    });
  });

  it('should be logged with what became of the members', async () => {
    const model_id = await ensemble();
    const { body } = await scene.single(model_id, CUSTOMERS[0]);
    for (const end = Date.now() + 20_000; ;) {
      const found = await scene.acme.get(`/api/v1/predictions/${body.request_id}`);
      if (found.status === 404 && Date.now() < end) continue;
      expect(found.body).toMatchObject({
        model_id,
        ensemble: { members: [{ status: 'answered', weight: 0.5 }, {}, {}] },
      });
      return;
    }
  });
});
