import type { ThresholdCurve } from '#libs/statistics';
import { FEATURES } from './support/churn.js';
import type { Client } from './support/client.js';
import type { Service } from './support/service.js';
import { startWithModels, type TrainedModels } from './support/trained-models.js';

const ROWS = [
  FEATURES,
  { total_orders: 2, days_since_last_order: 80, avg_order_value: 20.25, support_tickets: 9 },
  { total_orders: 40, days_since_last_order: 3, avg_order_value: 310, support_tickets: 0 },
  { total_orders: 7, days_since_last_order: 30, avg_order_value: 60, support_tickets: 4 },
];

/** Thresholds, descending, and the share of held-out rows that a model gave a probability below each. */
interface Standing {
  readonly thresholds: readonly number[];
  readonly below: readonly number[];
}

describe('ensembles', () => {
  let service: Service;
  let acme: Client;
  let models: TrainedModels;
  let made = 0;

  beforeAll(async () => {
    ({ service, models } = await startWithModels());
    acme = await service.as('acme-corp');
  });
  afterAll(() => service.stop());

  const members = () => [
    { model_id: models.churn, weight: 0.4 },
    { model_id: models.churnOfForest, weight: 0.35 },
    { model_id: models.churnWithoutTickets, weight: 0.25 },
  ];
  const create = (more: object = {}) =>
    acme.post('/api/v1/ensembles', {
      name: `ensemble ${++made}`,
      method: 'voting_soft',
      models: members(),
      ...more,
    });
  async function createdId(more: object = {}): Promise<string> {
    const { status, body } = await create(more);
    expect({ status, body }).toMatchObject({ status: 201 });
    return body.ensemble_id;
  }
  const predict = (id: string, features: unknown = FEATURES, options: object = {}) =>
    acme.post(`/api/v1/ensembles/${id}/predict`, { features, options });
  const single = (model_id: string, features: unknown, version?: string, return_probabilities = true) =>
    acme.post('/api/v1/predictions', {
      model_id,
      version,
      features,
      options: { return_probabilities },
    });
  async function curveOf(modelId: string): Promise<Standing> {
    const [version] = await service.database.query(
      `select threshold_curve as curve from version_certainties
         join model_versions v on v.id = version_id where v.model_id = $1`,
      [modelId],
    );
    const { curve } = version as { curve: ThresholdCurve };
    const rows = curve.positives + curve.negatives;
    const above = curve.thresholds.map((_, at) => curve.true_positives[at]! + curve.false_positives[at]!);
    return { thresholds: curve.thresholds, below: above.map((count) => 1 - count / rows) };
  }
  function rankIn({ thresholds, below }: Standing, probability: number): number {
    const at = thresholds.findIndex((threshold) => threshold <= probability);
    if (at === 0) return 1;
    const part = (probability - thresholds[at]!) / (thresholds[at - 1]! - thresholds[at]!);
    return below[at]! + part * (below[at - 1]! - below[at]!);
  }
  /** Without what the model without tickets does not take. */
  const withoutTickets = (rows: typeof ROWS) => rows.map(({ support_tickets: _, ...row }) => row);
  async function memberProbabilities(): Promise<number[][][]> {
    const answers = await Promise.all([
      single(models.churn, ROWS),
      single(models.churnOfForest, ROWS),
      single(models.churnWithoutTickets, withoutTickets(ROWS)),
    ]);
    return answers.map(({ body }) => body.probabilities);
  }

  describe('the request of the API document', () => {
    let id: string;

    it('should be answered with an ensemble that is a model', async () => {
      await service.database.query(
        `update models set name = case id when $1::uuid then 'model-1' when $2::uuid then 'model-2' else 'model-3' end
         where id = any($3)`,
        [
          models.churn,
          models.churnOfForest,
          [models.churn, models.churnOfForest, models.churnWithoutTickets],
        ],
      );
      const { status, body } = await acme.post('/api/v1/ensembles', {
        name: 'churn_ensemble',
        method: 'voting_soft',
        models: [
          { model_id: 'model-1', weight: 0.4 },
          { model_id: 'model-2', weight: 0.35 },
          { model_id: 'model-3', weight: 0.25 },
        ],
        parallel_inference: true,
        fail_on_partial: false,
        min_models_required: 2,
      });
      id = body.ensemble_id;
      expect({ status, body }).toMatchObject({
        status: 201,
        body: {
          model_id: id,
          name: 'churn_ensemble',
          framework: 'ensemble',
          model_type: 'classification',
          version: '1.0.0',
          stage: 'development',
          method: 'voting_soft',
          members: [
            {
              model_id: models.churn,
              weight: 0.4,
              version: null,
              stage: null,
              answering_version: '1.0.0',
              problem: null,
            },
            { model_id: models.churnOfForest, weight: 0.35 },
            { model_id: models.churnWithoutTickets, weight: 0.25 },
          ],
          parallel_inference: true,
          fail_on_partial: false,
          min_models_required: 2,
          warnings: [expect.stringMatching(/^'model-3' does not use support_tickets/)],
        },
      });
      const shown = await acme.get(`/api/v1/models/${id}`);
      expect(shown.body).toMatchObject({ model_id: id, framework: 'ensemble', current_version: '1.0.0' });
      const version = await acme.get(`/api/v1/models/${id}/versions/1.0.0`);
      expect(version.body).toMatchObject({
        origin: 'combined',
        ready: true,
        parameters: { method: 'voting_soft' },
      });
    });

    it('should be predicted with by its own route and as any model', async () => {
      const own = await predict('churn_ensemble', FEATURES, { return_probabilities: true });
      const [first, second, third] = (await memberProbabilities()).map((rows) => rows[0]!);
      const expected = [0, 1].map((at) => 0.4 * first![at]! + 0.35 * second![at]! + 0.25 * third![at]!);
      expect(own).toMatchObject({
        status: 200,
        body: {
          model_id: id,
          version: '1.0.0',
          classes: [0, 1],
          members: [{ status: 'answered', version: '1.0.0', weight: 0.4 }, {}, {}],
        },
      });
      // A row alone and among others differ in the last bits of float32.
      expect(own.body.probabilities[0][1]).toBeCloseTo(expected[1]!, 6);
      expect(own.body.prediction).toEqual([expected[1]! > expected[0]! ? 1 : 0]);
      expect(own.body.confidence).toBeCloseTo(Math.max(...expected), 6);
      const { request_id: _, latency_ms: __, ...answer } = own.body;
      const asModel = await single(id, FEATURES);
      expect(asModel).toMatchObject({ status: 200, body: answer });
    });
  });

  it('should be listed, changed into a next version, staged as a model, and deleted', async () => {
    const id = await createdId({ name: 'to be changed', description: 'of three' });
    const listed = await acme.get('/api/v1/ensembles?limit=1');
    expect(listed.body.data).toMatchObject([{ ensemble_id: id, version: '1.0.0', description: 'of three' }]);

    const move = (version: string, target_stage: string) =>
      acme.put(`/api/v1/models/${id}/stage`, { version, target_stage });
    await move('1.0.0', 'staging');
    await move('1.0.0', 'production');
    const { headers } = await acme.get(`/api/v1/ensembles/${id}`);
    const change = { models: members().slice(0, 2), min_models_required: 2 };
    const changed = await acme.patch(`/api/v1/ensembles/${id}`, change, { 'if-match': headers.get('etag')! });
    expect(changed).toMatchObject({
      status: 200,
      body: { version: '1.1.0', stage: 'development', min_models_required: 2, members: [{}, {}] },
    });
    expect((await acme.get(`/api/v1/ensembles/${id}?version=1.1.0`)).body).toEqual(changed.body);
    expect((await acme.get(`/api/v1/ensembles/${id}`)).body).toMatchObject({
      version: '1.0.0',
      stage: 'production',
      members: [{}, {}, {}],
    });
    const versions = await acme.get(`/api/v1/models/${id}/versions`);
    expect(versions.body.data.map(({ version }: { version: string }) => version)).toEqual(['1.1.0', '1.0.0']);
    expect((await single(id, FEATURES)).body).toMatchObject({ version: '1.0.0', members: [{}, {}, {}] });
    expect((await single(id, FEATURES, '1.1.0')).body.members).toHaveLength(2);

    await move('1.1.0', 'staging');
    await move('1.1.0', 'production');
    expect((await predict(id)).body).toMatchObject({ version: '1.1.0', members: [{}, {}] });
    expect((await acme.post(`/api/v1/models/${id}/rollback`)).body).toMatchObject({
      current_version: '1.0.0',
    });
    expect((await predict(id)).body).toMatchObject({ version: '1.0.0' });

    expect(await acme.delete(`/api/v1/ensembles/${id}`)).toMatchObject({ status: 409 });
    await move('1.0.0', 'archived');
    expect((await acme.delete(`/api/v1/ensembles/${id}`)).status).toBe(204);
    expect((await acme.get(`/api/v1/ensembles/${id}`)).body).toMatchObject({ code: 'MODEL_NOT_FOUND' });
    expect((await acme.get(`/api/v1/models/${models.churn}`)).status).toBe(200);
  });

  it('should answer 412 to a change of another state', async () => {
    const made = await create();
    const id = made.body.ensemble_id;
    const change = { min_models_required: 2 };
    const seen = { 'if-match': made.headers.get('etag')! };
    expect((await acme.patch(`/api/v1/ensembles/${id}`, change, seen)).status).toBe(200);
    expect((await acme.patch(`/api/v1/ensembles/${id}`, change, seen)).status).toBe(412);
    const stale = await acme.patch(
      `/api/v1/ensembles/${id}`,
      { min_models_required: 2 },
      { 'if-match': '"stale"' },
    );
    expect(stale).toMatchObject({ status: 412 });
  });

  describe('methods', () => {
    it('should take the mean of probabilities, and tell what each member says', async () => {
      const id = await createdId();
      const { body } = await predict(id, ROWS, { return_probabilities: true, return_members: true });
      const probabilities = await memberProbabilities();
      expect(body.members.map((member: { probabilities: number[][] }) => member.probabilities)).toEqual(
        probabilities,
      );
      ROWS.forEach((_, row) => {
        const [a, b, c] = probabilities.map((ofMember) => ofMember[row]![1]!) as [number, number, number];
        expect(body.probabilities[row][1]).toBeCloseTo(0.4 * a + 0.35 * b + 0.25 * c, 12);
        const place = body.prediction[row];
        const ofClass = probabilities.map((ofMember) => ofMember[row]![place]!);
        const mean = ofClass.reduce((sum, value) => sum + value, 0) / 3;
        const deviation = Math.sqrt(ofClass.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 3);
        expect(body.disagreement[row]).toBeCloseTo(deviation, 12);
      });
    });

    it('should count votes by weight', async () => {
      const id = await createdId({ method: 'voting_hard' });
      const { body } = await predict(id, ROWS, { return_probabilities: true, return_members: true });
      const weights = [0.4, 0.35, 0.25];
      ROWS.forEach((_, row) => {
        const votes = [0, 0];
        body.members.forEach((member: { prediction: number[] }, at: number) => {
          votes[member.prediction[row]!]! += weights[at]!;
        });
        expect(body.probabilities[row][1]).toBeCloseTo(votes[1]!, 12);
        expect(body.prediction[row]).toBe(votes[1]! > votes[0]! ? 1 : 0);
      });
    });

    it('should take the mean of ranks among the answers to held-out rows', async () => {
      const made = await create({ method: 'rank' });
      expect(made.body.warnings).toContainEqual(expect.stringMatching(/probabilities are mean ranks/));
      const { body } = await predict(made.body.ensemble_id, ROWS, { return_probabilities: true });
      const probabilities = await memberProbabilities();
      const curves = await Promise.all(members().map(({ model_id }) => curveOf(model_id)));
      const weights = [0.4, 0.35, 0.25];
      ROWS.forEach((_, row) => {
        const ranks = curves.map((curve, member) => rankIn(curve, probabilities[member]![row]![1]!));
        const expected = ranks.reduce((sum, rank, member) => sum + weights[member]! * rank, 0);
        expect(body.probabilities[row][1]).toBeCloseTo(expected, 9);
        expect(body.probabilities[row][0]).toBeCloseTo(1 - expected, 9);
        expect(body.prediction[row]).toBe(expected > 0.5 ? 1 : 0);
      });
      expect(new Set(body.prediction).size).toBe(2);
    });

    it('should answer the values of the mean rank of a regression', async () => {
      const features = { total_orders: 15, avg_order_value: 125.5, support_tickets: 3, churned: 0 };
      const pair = [{ model_id: models.recency }, { model_id: models.recency, version: '1.0.0' }];
      const id = await createdId({ method: 'rank', models: pair });
      const rank = await predict(id, features);
      const alone = await single(models.recency, features, undefined, false);
      // Models that answer alike have the rank of either, and the value of that rank is the one that has it.
      expect({ status: rank.status, answered: alone.status }).toEqual({ status: 200, answered: 200 });
      expect(rank.body.prediction[0] / alone.body.prediction[0]).toBeCloseTo(1, 9);
    });

    it('should rank by no other version than the one whose answers were measured', async () => {
      const id = await createdId({ method: 'rank', min_models_required: 2 });
      await service.database.query(
        `update model_versions set parameters = jsonb_set(parameters, '{members,0,rank_scale,version}', '"0.9.0"') where model_id = $1`,
        [id],
      );
      const { status, body } = await predict(id, ROWS);
      expect(status).toBe(200);
      expect(body.members[0]).toMatchObject({
        status: 'failed',
        error: { message: expect.stringMatching(/1\.0\.0 cannot be ranked among the answers of 0\.9\.0/) },
      });
      const change = await acme.patch(`/api/v1/ensembles/${id}`, { models: members() });
      expect(change.body.members.map(({ problem }: { problem: unknown }) => problem)).toEqual([
        null,
        null,
        null,
      ]);
      expect((await predict(id, ROWS)).body).toMatchObject({
        version: '1.1.0',
        members: [{ status: 'answered' }, {}, {}],
      });
    });

    it('should not rank members of which no answers to held-out rows are kept, by name', async () => {
      const inner = await createdId({ name: 'never measured' });
      const answer = await create({
        method: 'rank',
        models: [{ model_id: inner }, { model_id: models.churn }],
      });
      expect(answer).toMatchObject({ status: 422, body: { errors: [{ pointer: '/models/0/model_id' }] } });
      expect(answer.body.errors[0].message).toMatch(/'never measured' keeps no probabilities .* calibrate/);
    });

    it('should ask members in turn with the same answer as at once', async () => {
      const rows = { return_probabilities: true };
      const [atOnce, inTurn] = await Promise.all([createdId(), createdId({ parallel_inference: false })]);
      const [first, second] = await Promise.all([predict(atOnce, ROWS, rows), predict(inTurn, ROWS, rows)]);
      expect(second.body.probabilities).toEqual(first.body.probabilities);
    });

    it('should ask no further member of a cascade once one is confident', async () => {
      const probabilities = await memberProbabilities();
      const confidences = ROWS.map((_, row) => Math.max(...probabilities[0]![row]!));
      const threshold = [...confidences].sort((a, b) => a - b)[2]!;
      const id = await createdId({ strategy: 'cascade', threshold });
      const { body } = await predict(id, ROWS, { return_probabilities: true, return_members: true });
      const isSure = confidences.map((confidence) => confidence >= threshold);
      expect(isSure.filter(Boolean)).toHaveLength(2);
      isSure.forEach((sure, row) => {
        if (sure) {
          expect(body.members_asked[row]).toBe(1);
          expect(body.probabilities[row]).toEqual(probabilities[0]![row]);
          expect(body.members[1].prediction[row]).toBeNull();
        } else expect(body.members_asked[row]).toBeGreaterThan(1);
      });
      const sure = isSure.indexOf(true);
      expect((await predict(id, ROWS[sure])).body).toMatchObject({
        members_asked: 1,
        members: [{ status: 'answered' }, { status: 'not_asked' }, { status: 'not_asked' }],
      });
    });

    it('should answer as an ensemble of ensembles does', async () => {
      const inner = await createdId({
        models: members()
          .slice(0, 2)
          .map(({ model_id }) => ({ model_id })),
      });
      const outer = await createdId({
        models: [{ model_id: inner }, { model_id: models.churnWithoutTickets }],
      });
      const { body } = await predict(outer, ROWS, { return_probabilities: true });
      const [a, b, c] = await memberProbabilities();
      body.probabilities.forEach(([, second]: number[], row: number) => {
        expect(second).toBeCloseTo((a![row]![1]! + b![row]![1]!) / 4 + c![row]![1]! / 2, 12);
      });
    });
  });

  describe('bad input', () => {
    const cases: [string, object | (() => object), number, string, RegExp][] = [
      [
        'a method that there is not',
        { method: 'bagging' },
        422,
        '/method',
        /must be one of voting_soft, voting_hard, averaging, rank, stacking, greedy/,
      ],
      [
        'averaging of classes',
        { method: 'averaging' },
        422,
        '/method',
        /one of voting_soft, voting_hard, rank, stacking, greedy for/,
      ],
      ['one model', () => ({ models: members().slice(0, 1) }), 400, '/models', /at least 2/],
      ['no models', { models: [] }, 400, '/models', /at least 2/],
      ['models null', { models: null }, 400, '/models', /element/],
      [
        'seventeen models',
        () => ({ models: Array.from({ length: 17 }, () => members()[0]) }),
        400,
        '/models',
        /16/,
      ],
      ['no members', { models: undefined }, 400, '/models', /array/],
      ['no method', { method: undefined }, 400, '/method', /string/],
      ['a negative weight', () => ({ models: weights(1, -1, 1) }), 400, '/models/1/weight', /0/],
      [
        'a weight that is a text',
        () => ({ models: weights(1, '1', 1) }),
        400,
        '/models/1/weight',
        /greater|number/,
      ],
      ['a huge weight', () => ({ models: weights(1, 1e300, 1) }), 400, '/models/1/weight', /1000000/],
      ['only weights of 0', () => ({ models: weights(0, 0, 0) }), 422, '/models', /all have the weight 0/],
      [
        'a weight that lacks',
        () => ({ models: weights(1, undefined, 1) }),
        422,
        '/models/1/weight',
        /every model a weight, or none/,
      ],
      [
        'more required than there are',
        { min_models_required: 4 },
        422,
        '/min_models_required',
        /at most the number of models, 3/,
      ],
      ['none required', { min_models_required: 0 }, 400, '/min_models_required', /1/],
      ['a cascade without a threshold', { strategy: 'cascade' }, 422, '/threshold', /above 0/],
      [
        'a cascade of votes',
        { strategy: 'cascade', threshold: 0.9, method: 'voting_hard' },
        422,
        '/strategy',
        /voting_soft/,
      ],
      ['a threshold without a cascade', { threshold: 0.9 }, 422, '/threshold', /cascade/],
      ['a threshold above 1', { strategy: 'cascade', threshold: 1.5 }, 400, '/threshold', /1/],
      ['an unknown field', { voting: 'soft' }, 400, '/voting', /not a known field|should not exist/],
      [
        'an unknown field of a member',
        () => ({ models: [{ ...members()[0], stage: 'production' }, members()[1]] }),
        400,
        '/models/0/stage',
        /not a known field|should not exist/,
      ],
      [
        'the same model twice',
        () => ({ models: [members()[0], members()[0], members()[1]] }),
        422,
        '/models/1/model_id',
        /as \/models\/0 does/,
      ],
      [
        'a model that there is not',
        () => ({ models: [members()[0], { model_id: 'nobody', weight: 1 }] }),
        404,
        '/models/1/model_id',
        /no model nobody/,
      ],
      [
        'a version that there is not',
        () => ({ models: [members()[0], { ...members()[1], version: '9.9.9' }] }),
        404,
        '/models/1/model_id',
        /no version 9.9.9/,
      ],
      [
        'an empty stage',
        () => ({ models: [members()[0], { model_id: `${models.churnOfForest}@staging`, weight: 1 }] }),
        409,
        '/models/1/model_id',
        /staging/,
      ],
      [
        'a stage and a version',
        () => ({
          models: [
            members()[0],
            { model_id: `${models.churnOfForest}@staging`, version: '1.0.0', weight: 1 },
          ],
        }),
        400,
        '/models/1/version',
        /left out/,
      ],
      [
        'models of other classes',
        () => ({ models: [members()[0], { model_id: models.subscribers, weight: 1 }] }),
        422,
        '/models/1/model_id',
        /has the classes/,
      ],
      [
        'a timeout of 0',
        () => ({ models: [{ ...members()[0], timeout_ms: 0 }, members()[1]] }),
        400,
        '/models/0/timeout_ms',
        /1/,
      ],
    ];
    const weights = (...values: unknown[]) =>
      members().map((member, at) => ({ ...member, weight: values[at] }));

    it.each(cases)('should refuse %s', async (_, more, status, pointer, message) => {
      const answer = await create(typeof more === 'function' ? more() : more);
      expect(answer).toMatchObject({ status, body: { errors: expect.any(Array) } });
      expect(answer.body.errors).toContainEqual({ pointer, message: expect.stringMatching(message) });
    });

    it('should refuse a name that is taken, and leave nothing behind', async () => {
      expect(await create({ name: 'subscribers' })).toMatchObject({
        status: 409,
        body: { code: 'MODEL_EXISTS' },
      });
      const other = await create({ name: 'never made', method: 'bagging' });
      expect(other.status).toBe(422);
      expect((await acme.get('/api/v1/models?name=never made')).body.data).toEqual([]);
    });

    it('should refuse a cycle by name', async () => {
      const inner = await createdId();
      const outer = await createdId({
        name: 'outer one',
        models: [{ model_id: inner }, { model_id: models.churn }],
      });
      const cycle = await acme.patch(`/api/v1/ensembles/${inner}`, {
        models: [{ model_id: models.churn }, { model_id: outer }],
      });
      expect(cycle).toMatchObject({
        status: 422,
        body: {
          errors: [
            {
              pointer: '/models/1/model_id',
              message: expect.stringContaining(`'outer one' has this ensemble among its members`),
            },
          ],
        },
      });
      const self = await acme.patch(`/api/v1/ensembles/${inner}`, {
        models: [{ model_id: inner }, { model_id: models.churn }],
      });
      expect(self).toMatchObject({ status: 422, body: { errors: [{ pointer: '/models/0/model_id' }] } });
    });

    it('should refuse an empty change, an upload, a training and a registration of an ensemble', async () => {
      const id = await createdId({ name: 'an ensemble' });
      expect(await acme.patch(`/api/v1/ensembles/${id}`, {})).toMatchObject({ status: 400 });
      expect(await acme.patch(`/api/v1/ensembles/${models.churn}`, { min_models_required: 1 })).toMatchObject(
        { status: 404 },
      );
      const form = new FormData();
      form.append('artifact', new Blob(['x']), 'model.onnx');
      expect(await acme.post(`/api/v1/models/${id}/versions`, form)).toMatchObject({
        status: 422,
        body: { detail: expect.stringContaining('is an ensemble') },
      });
      const training = await acme.post('/api/v1/training', {
        model_name: 'an ensemble',
        framework: 'sklearn',
        data_config: { train_path: 's3://data/train.parquet', target_column: 'churned' },
      });
      expect(training).toMatchObject({
        status: 422,
        body: { detail: expect.stringContaining('is an ensemble') },
      });
      const registered = { name: 'by hand', model_type: 'classification', framework: 'ensemble' };
      expect(await acme.post('/api/v1/models', registered)).toMatchObject({ status: 400 });
    });

    it('should name every feature that does not fit any member, once', async () => {
      const id = await createdId();
      const { status, body } = await predict(id, [
        { ...FEATURES, total_orders: 'many' },
        { ...FEATURES, spare: 1 },
      ]);
      expect(status).toBe(422);
      expect(body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
        '/features/0/total_orders',
        '/features/1/spare',
      ]);
      const { support_tickets: _, ...rest } = FEATURES;
      expect((await predict(id, rest)).body.errors).toMatchObject([{ pointer: '/features/support_tickets' }]);
      for (const features of [[], [null], null, 'x'])
        expect([400, 422]).toContain((await predict(id, features)).status);
    });

    it('should name the row that does not fit a cascade, however many members it would take', async () => {
      const cascade = await createdId({ strategy: 'cascade', threshold: 0.01 });
      const { support_tickets: _, ...rest } = FEATURES;
      const { status, body } = await predict(cascade, [FEATURES, FEATURES, rest]);
      expect([status, body.errors]).toEqual([
        422,
        [expect.objectContaining({ pointer: '/features/2/support_tickets' })],
      ]);
      const reversed = await createdId({
        strategy: 'cascade',
        threshold: 0.01,
        models: members().toReversed(),
      });
      expect(await predict(reversed, rest)).toMatchObject({ status: 422 });
    });

    it('should not take other options, a model in the body, or a model that is no ensemble', async () => {
      const id = await createdId();
      expect(await predict(id, FEATURES, { return_members: 1 })).toMatchObject({ status: 400 });
      const body = { model_id: models.churn, features: FEATURES };
      expect(await acme.post(`/api/v1/ensembles/${id}/predict`, body)).toMatchObject({ status: 400 });
      expect(await predict(models.churn)).toMatchObject({ status: 404, body: { code: 'MODEL_NOT_FOUND' } });
      const plain = { model_id: models.churn, features: FEATURES, options: { return_members: true } };
      expect(await acme.post('/api/v1/predictions', plain)).toMatchObject({ status: 422 });
    });
  });

  it('should not be made of the models of another tenant', async () => {
    const globex = await service.as('globex');
    const request = { name: 'taken', method: 'voting_soft', models: members() };
    expect(await globex.post('/api/v1/ensembles', request)).toMatchObject({
      status: 404,
      body: { code: 'MODEL_NOT_FOUND', errors: [{ pointer: '/models/0/model_id' }, {}, {}] },
    });
    const id = await createdId();
    for (const [method, path, body] of [
      ['GET', '', undefined],
      ['PATCH', '', { min_models_required: 1 }],
      ['DELETE', '', undefined],
      ['POST', '/predict', { features: FEATURES }],
    ] as const) {
      const answer = await globex.send(method, `/api/v1/ensembles/${id}${path}`, body);
      expect(answer).toMatchObject({ status: 404, body: { code: 'MODEL_NOT_FOUND' } });
    }
    expect((await globex.get('/api/v1/ensembles')).body.data).toEqual([]);
  });
});
