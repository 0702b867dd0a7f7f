import type { Answer, Client } from './support/client.js';
import { Service } from './support/service.js';
import { makeUploads, registerModel, upload } from './support/uploads.js';

/** The graph answers its feature; it runs for seconds at 7,000, and cannot have the memory that 100,000 takes. */
const HANGS = 7000;
const FAILS = 100_000;

describe('members of an ensemble', () => {
  let service: Service;
  let acme: Client;
  let graph: Buffer;
  let made = 0;

  beforeAll(async () => {
    service = await Service.start({
      env: {
        MODELPLANE_UPLOADED_MODEL_MEMORY_BYTES: String(2 ** 30),
        MODELPLANE_UPLOADED_MODEL_RUN_SECONDS: '3',
        MODELPLANE_UPLOADED_MODEL_LOAD_SECONDS: '20',
        MODELPLANE_UPLOADED_MODEL_PROCESSES: '4',
      },
    });
    acme = await service.as('acme-corp');
    graph = (await makeUploads()).get('good-slow-on-demand.onnx')!;
  });
  afterAll(() => service?.stop());

  /** A version that answers the value of this feature. */
  async function uploaded(modelId: string, feature: string): Promise<string> {
    const { status, body } = await upload(acme, modelId, graph, {
      features: [{ name: feature, tensor: 'x' }],
    });
    expect({ status, body }).toMatchObject({ status: 201 });
    return body.version;
  }

  async function move(modelId: string, version: string, ...stages: string[]): Promise<void> {
    for (const target_stage of stages) {
      const { status, body } = await acme.put(`/api/v1/models/${modelId}/stage`, { version, target_stage });
      expect({ status, body }).toMatchObject({ status: 200 });
    }
  }

  async function modelOf(feature: string): Promise<string> {
    const id = await registerModel(acme, 'regression');
    await uploaded(id, feature);
    return id;
  }

  async function ensembleOf(models: object[], more: object = {}): Promise<string> {
    const request = { name: `average ${++made}`, method: 'averaging', models, ...more };
    const { status, body } = await acme.post('/api/v1/ensembles', request);
    expect({ status, body }).toMatchObject({ status: 201 });
    return body.ensemble_id;
  }

  const predict = (id: string, features: object, version?: string) =>
    acme.post(`/api/v1/ensembles/${id}/predict`, { features, version });

  /** The one member without an answer leaves its weight to the other. */
  function expectDegraded({ status, body }: Answer, prediction: number, message: RegExp): void {
    expect({ status, body }).toMatchObject({
      status: 200,
      body: {
        prediction: [prediction],
        members: [
          { status: 'answered', weight: 1 },
          { status: 'failed', weight: 0, error: { message: expect.stringMatching(message) } },
        ],
        warnings: ['the ensemble is degraded: 1 of 2 members did not answer'],
      },
    });
  }

  function expectRefused({ status, body, headers }: Answer, message: RegExp): void {
    expect({ status, body }).toMatchObject({
      status: 503,
      body: {
        code: 'ENSEMBLE_DEGRADED',
        detail: expect.stringContaining('1 of 2 members answered'),
        errors: [{ pointer: '/members/1', message: expect.stringMatching(message) }],
      },
    });
    expect(headers.get('retry-after')).toBe('1');
  }

  describe('that cannot answer', () => {
    let steady: string;
    let wayward: string;
    let tolerant: string;
    let strict: string;

    beforeAll(async () => {
      [steady, wayward] = await Promise.all([modelOf('x'), modelOf('y')]);
      const models = [
        { model_id: steady, weight: 3 },
        { model_id: wayward, weight: 1, timeout_ms: 1500 },
      ];
      tolerant = await ensembleOf(models);
      strict = await ensembleOf(models, { fail_on_partial: true });
      for (const id of [tolerant, strict])
        expect((await predict(id, { x: 4, y: 8 })).body.prediction).toEqual([5]);
    });

    it('should leave their weight to the others where they fail, or none be answered where all must', async () => {
      const features = { x: 4, y: FAILS };
      expectDegraded(await predict(tolerant, features), 4, /uploaded model cannot answer this/);
      expectRefused(await predict(strict, features), /uploaded model cannot answer this/);
    });

    it('should be waited for no longer than their time where they hang', async () => {
      const features = { x: 4, y: HANGS };
      const hanging = await predict(tolerant, features);
      expectDegraded(hanging, 4, /did not answer within 1500 ms/);
      expectRefused(await predict(strict, features), /did not answer within 1500 ms|cannot answer now/);
    });

    it('should be asked again once they are back', async () => {
      for (const end = Date.now() + 30_000; ;) {
        const { body } = await predict(tolerant, { x: 4, y: 8 });
        if (body.members[1].status === 'answered' || Date.now() > end) {
          expect(body).toMatchObject({ prediction: [5], members: [{ weight: 0.75 }, { weight: 0.25 }] });
          return;
        }
      }
    });

    it('should be missed where they are required, or too few are left', async () => {
      const models = [{ model_id: steady }, { model_id: wayward }];
      const required = await ensembleOf([models[0]!, { ...models[1], required: true }]);
      expectRefused(await predict(required, { x: 4, y: FAILS }), /cannot answer/);
      const two = await ensembleOf(models, { min_models_required: 2 });
      expectRefused(await predict(two, { x: 4, y: FAILS }), /cannot answer/);
      const weightless = await ensembleOf([
        { ...models[0], weight: 0 },
        { ...models[1], weight: 1 },
      ]);
      expect(await predict(weightless, { x: 4, y: FAILS })).toMatchObject({ status: 503 });
    });
  });

  /** Two models that are followed, of which the second is `changed`. */
  const moved = async (change: (second: string) => Promise<void>, features: object, message: RegExp) => {
    const [first, second] = await Promise.all([modelOf('x'), modelOf('y')]);
    await move(second, '1.0.0', 'staging', 'production');
    const models = [{ model_id: first }, { model_id: second }];
    const tolerant = await ensembleOf(models);
    const strict = await ensembleOf(models, { fail_on_partial: true });
    expect((await predict(tolerant, { x: 2, y: 4 })).body.prediction).toEqual([3]);
    await change(second);
    expectDegraded(await predict(tolerant, features), 2, message);
    expectRefused(await predict(strict, features), message);
    const { body } = await acme.get(`/api/v1/ensembles/${tolerant}`);
    expect(body.members).toMatchObject([{ problem: null }, { problem: expect.stringMatching(message) }]);
    expect(body.warnings).toContainEqual(expect.stringMatching(/^model 1 does not answer/));
    return { first, second, tolerant };
  };

  it('should be followed into another version, and miss where the one in production is archived', async () => {
    const { second, tolerant } = await moved(
      (id) => move(id, '1.0.0', 'archived'),
      { x: 2, y: 4 },
      /no version in production/,
    );
    expect(await uploaded(second, 'y')).toBe('1.1.0');
    await move(second, '1.1.0', 'staging', 'production');
    expect((await predict(tolerant, { x: 2, y: 4 })).body).toMatchObject({
      prediction: [3],
      members: [{ status: 'answered' }, { status: 'answered', version: '1.1.0' }],
    });
  });

  it('should miss where a version with other features goes to production, and keep to a version that is named', async () => {
    const { first, second } = await moved(
      async (id) => {
        expect(await uploaded(id, 'z')).toBe('2.0.0');
        await move(id, '2.0.0', 'staging', 'production');
      },
      { x: 2, y: 4 },
      /Version 2.0.0 needs the feature 'z'/,
    );
    const named = await ensembleOf([{ model_id: first }, { model_id: second, version: '1.0.0' }]);
    expect((await predict(named, { x: 2, y: 4 })).body.prediction).toEqual([3]);
    const followed = await acme.post('/api/v1/ensembles', {
      name: 'of new features',
      method: 'averaging',
      models: [{ model_id: first }, { model_id: `${second}@production` }],
    });
    expect((await predict(followed.body.ensemble_id, { x: 2, z: 4 })).body.prediction).toEqual([3]);
  });

  it('should not be deleted while an ensemble has them, and miss in its old versions after', async () => {
    const [first, second, third] = await Promise.all([modelOf('x'), modelOf('y'), modelOf('y')]);
    const models = [{ model_id: first }, { model_id: second }];
    const ids = [await ensembleOf(models), await ensembleOf(models, { fail_on_partial: true })];
    const refused = await acme.delete(`/api/v1/models/${second}`);
    expect(refused).toMatchObject({
      status: 409,
      body: { code: 'STAGE_CONFLICT', detail: expect.stringMatching(/'average \d+', 'average \d+'/) },
    });
    for (const id of ids) {
      const others = { models: [{ model_id: first }, { model_id: third }] };
      expect((await acme.patch(`/api/v1/ensembles/${id}`, others)).status).toBe(200);
    }
    expect((await acme.delete(`/api/v1/models/${second}`)).status).toBe(204);
    const [tolerant, strict] = ids as [string, string];
    expect((await predict(tolerant, { x: 2, y: 4 })).body.prediction).toEqual([3]);
    expectDegraded(await predict(tolerant, { x: 2, y: 4 }, '1.0.0'), 2, /There is no model/);
    expectRefused(await predict(strict, { x: 2, y: 4 }, '1.0.0'), /There is no model/);
  });

  it('should not be deleted and named at the same time', async () => {
    const [first, second] = await Promise.all([modelOf('x'), modelOf('y')]);
    const models = [{ model_id: first }, { model_id: second }];
    const request = { name: 'at once', method: 'averaging', models };
    const [deleted, created] = await Promise.all([
      acme.delete(`/api/v1/models/${second}`),
      acme.post('/api/v1/ensembles', request),
    ]);
    expect([
      [204, 404],
      [409, 201],
    ]).toContainEqual([deleted.status, created.status]);
  });

  it('should not be made to ask each other by two changes at the same time', async () => {
    const [first, second] = await Promise.all([modelOf('x'), modelOf('y')]);
    const models = [{ model_id: first }, { model_id: second }];
    const [a, b] = [await ensembleOf(models), await ensembleOf(models)] as const;
    const naming = (id: string) => ({ models: [{ model_id: first }, { model_id: id }] });
    const answers = await Promise.all([
      acme.patch(`/api/v1/ensembles/${a}`, naming(b)),
      acme.patch(`/api/v1/ensembles/${b}`, naming(a)),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 422]);
  });
});
