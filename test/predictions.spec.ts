import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from './support/client.js';
import { makeData, referenceAnswers } from './support/data.js';
import { Service } from './support/service.js';
import { removeCore } from './support/versions.js';

describe('predictions', () => {
  let service: Service;
  let acme: Client;
  let holdout: Record<string, unknown>[];
  let modelId: string;

  beforeAll(async () => {
    service = await Service.start({ role: 'all' });
    acme = await service.as('acme-corp', 'scientist');
    const files = await makeData('subscribers.csv', 'holdout.jsonl', 'spend.jsonl');
    holdout = lines(files['holdout.jsonl']);
    for (const name of ['subscribers.csv', 'spend.jsonl'])
      await acme.put(`/api/v1/objects/data/${name}`, files[name]);
    modelId = (await train('subscribers', 'subscribers.csv', 'churn')).model_id;
  });
  afterAll(() => service.stop());

  const lines = (content: Buffer | undefined) =>
    String(content)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  async function train(model_name: string, file: string, target_column: string, hyperparameters = {}) {
    const data_config = { train_path: `s3://data/${file}`, target_column };
    const request = { model_name, framework: 'sklearn', data_config, hyperparameters };
    const { job_id } = (await acme.post('/api/v1/training', request)).body;
    const { body } = await acme.waitForJob(`/api/v1/training/${job_id}`);
    expect(body).toMatchObject({ status: 'succeeded' });
    return body.result as { model_id: string; version: string };
  }

  const predict = (features: unknown, more: object = {}) =>
    acme.post('/api/v1/predictions', { model_id: modelId, features, ...more });

  const fit = {
    'tenure months': 12,
    monthly_charges: 70.5,
    contract: 'one year',
    zahlungsart: 'Überweisung',
    paperless: true,
  };

  describe('equal those of the Python model, on rows it never saw', () => {
    const estimators = ['logistic_regression', 'random_forest', 'hist_gradient_boosting'];

    it.each(estimators)('of a classification by %s', async (estimator) => {
      const { model_id } = await train(`parity ${estimator}`, 'subscribers.csv', 'churn', { estimator });
      const rows = holdout.map(({ churn: _, ...features }) => features);
      const expected = await referenceAnswers(spec('subscribers.csv', 'csv', 'churn', estimator), rows);
      const request = { model_id, features: rows, options: { return_probabilities: true } };
      const { status, body } = await acme.post('/api/v1/predictions', request);

      expect(status).toBe(200);
      expect(body.prediction).toEqual(expected.map(({ label }) => label));
      expect(new Set(body.prediction)).toEqual(new Set(['yes', 'no']));
      const differences = expected.flatMap(({ probabilities = [] }, row) =>
        probabilities.map((probability, at) => Math.abs(probability - body.probabilities[row][at])),
      );
      expect(differences).toHaveLength(600);
      expect(Math.max(...differences)).toBeLessThan(1e-5);
    });

    it('of a regression', async () => {
      const { model_id } = await train('parity spend', 'spend.jsonl', 'yearly_spend', {
        estimator: 'gradient_boosting',
      });
      const rows = lines((await makeData('spend.jsonl'))['spend.jsonl']).map(
        ({ yearly_spend: _, ...features }) => features,
      );
      const expected = await referenceAnswers(
        spec('spend.jsonl', 'json_lines', 'yearly_spend', 'gradient_boosting'),
        rows,
      );
      const { body } = await acme.post('/api/v1/predictions', { model_id, features: rows });
      expect(body.confidence).toBeUndefined();
      // ONNX sums trees in float32, so the error is relative to what is summed, not to a sum that may be near zero.
      const scale = expected.reduce((sum, { value = NaN }) => sum + Math.abs(value), 0) / expected.length;
      const differences = expected.map(
        ({ value = NaN }, row) => Math.abs(value - body.prediction[row]) / scale,
      );
      expect(differences).toHaveLength(400);
      expect(Math.max(...differences)).toBeLessThan(1e-5);
    });

    /** What the worker hands to the trainer for the requests above: contracts/training-spec.v1.schema.json. */
    function spec(file: string, format: string, target_column: string, estimator: string): object {
      return {
        spec_version: 1,
        kind: 'training',
        job_id: 'train-00000000-0000-7000-8000-000000000000',
        attempt: 1,
        storage: { kind: 'folder', root: join(service.stateDir, 'objects') },
        output_uri: 's3://modelplane/acme-corp/reference/',
        framework: 'sklearn',
        estimator,
        model_type: null,
        hyperparameters: {},
        data: {
          train: { format, uris: [`s3://data/${file}`] },
          validation: null,
          target_column,
          feature_columns: null,
          exclude_columns: [],
          validation_share: 0.2,
          batch_size: null,
        },
        training: {
          strategy: null,
          num_workers: null,
          use_gpu: null,
          epochs: null,
          learning_rate: null,
          early_stopping: null,
          patience: null,
          seed: 0,
          importance: 'none',
          importance_seconds: 10,
        },
        limits: { memory_bytes: 2 ** 32, max_features: 2000 },
      };
    }
  });

  it('answers one row with one item and a number as confidence, and several with lists', async () => {
    const one = (await predict(fit, { options: { return_probabilities: true } })).body;
    expect(one).toMatchObject({ version: '1.0.0', classes: ['no', 'yes'], confidence: expect.any(Number) });
    expect(one.prediction).toHaveLength(1);
    const three = (await predict([fit, fit, { ...fit, 'tenure months': 70 }])).body;
    expect(three.probabilities).toBeUndefined();
    expect(three.prediction).toHaveLength(3);
    expect(three.confidence).toHaveLength(3);
    expect(three.confidence[0]).toBeCloseTo(one.confidence, 6);
  });

  it('takes null for a missing value and says which categories training never saw', async () => {
    const nulls = Object.fromEntries(Object.keys(fit).map((name) => [name, null]));
    const missing = await predict(nulls);
    expect(missing.status).toBe(200);
    expect(missing.body.warnings).toBeUndefined();
    const unseen = (await predict({ ...fit, contract: 'ten years' })).body;
    expect(unseen.warnings.join()).toMatch(/contract.*ten years/);
  });

  describe('names at once every feature that does not fit', () => {
    it('missing, unknown and ill-typed', async () => {
      const { paperless: _, ...rest } = fit;
      const { status, body } = await predict({
        ...rest,
        paperles: true,
        monthly_charges: '70',
        'tenure months': 1.5,
        contract: 3,
      });
      expect({ status, code: body.code }).toEqual({ status: 422, code: 'VALIDATION_ERROR' });
      expect(body.errors.map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual([
        '/features/contract',
        '/features/monthly_charges',
        '/features/paperles',
        '/features/paperless',
        '/features/tenure months',
      ]);
      expect(JSON.stringify(body.errors)).toContain("did you mean 'paperless'");
    });

    it('in the row where it stands', async () => {
      const { body } = await predict([fit, { ...fit, contract: false }]);
      expect(body.errors).toEqual([
        { pointer: '/features/1/contract', message: expect.stringContaining('must be a text') },
      ]);
    });

    it.each([
      ['a number in a text', { monthly_charges: '70.5' }],
      ['a number past float32', { monthly_charges: 1e39 }],
      ['a list', { contract: ['one year'] }],
      ['an object', { paperless: {} }],
      ['a number for a boolean', { paperless: 2 }],
      ['an unsafe integer', { 'tenure months': 2 ** 53 }],
    ])('%s', async (_, wrong) => {
      expect((await predict({ ...fit, ...wrong })).status).toBe(422);
    });
  });

  describe('refuses an envelope that is wrong, by field', () => {
    it.each([
      ['no model', { model_id: undefined }, '/model_id'],
      ['a model that is no string', { model_id: 7 }, '/model_id'],
      ['a version that is no string', { version: 1.2 }, '/version'],
      ['no features', { features: undefined }, '/features'],
      ['features null', { features: null }, '/features'],
      ['features as text', { features: 'all' }, '/features'],
      ['no rows', { features: [] }, '/features'],
      ['too many rows', { features: Array.from({ length: 1001 }, () => fit) }, '/features'],
      ['an unknown field', { feature: {} }, '/feature'],
      ['null options', { options: null }, '/options'],
      ['options as a list', { options: [] }, '/options'],
      ['an unknown option', { options: { probabilities: true } }, '/options/probabilities'],
      ['an option in words', { options: { return_probabilities: 'yes' } }, '/options/return_probabilities'],
      ['an explanation in words', { options: { return_explanation: 'yes' } }, '/options/return_explanation'],
    ])('%s', async (_, wrong, pointer) => {
      const { status, body } = await predict(fit, wrong);
      expect({
        status,
        code: body.code,
        pointers: body.errors.map((error: { pointer: string }) => error.pointer),
      }).toEqual({
        status: 400,
        code: 'INVALID_REQUEST',
        pointers: [pointer],
      });
    });

    it.each(['[]', '"features"', 'null', '7'])('the body %s', async (body) => {
      const answer = await acme.post('/api/v1/predictions', body, { 'content-type': 'application/json' });
      expect(answer.status).toBe(400);
    });
  });

  it('answers a thousand rows', async () => {
    const { status, body } = await predict(Array.from({ length: 1000 }, () => fit));
    expect(status).toBe(200);
    expect(body.prediction).toHaveLength(1000);
  });

  it('should not predict with a model of another tenant', async () => {
    const globex = await service.as('globex');
    const body = { model_id: modelId, features: fit };
    const foreign = await globex.post('/api/v1/predictions', body);
    const unknown = await globex.post('/api/v1/predictions', {
      ...body,
      model_id: '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e',
    });
    for (const answer of [
      foreign,
      unknown,
      await globex.post('/api/v1/predictions', { ...body, model_id: 'x' }),
    ]) {
      expect({ status: answer.status, code: answer.body.code }).toEqual({
        status: 404,
        code: 'MODEL_NOT_FOUND',
      });
    }
  });

  describe('the version that answers', () => {
    const ask = async (model_id: string, version?: string) => {
      const { status, body } = await acme.post('/api/v1/predictions', {
        model_id,
        features: fit,
        ...(version && { version }),
      });
      return status === 200 ? body.version : body.code;
    };
    const move = (id: string, version: string, target_stage: string) =>
      acme.put(`/api/v1/models/${id}/stage`, { version, target_stage });

    /** Another process of the service hears of a change within its poll of a second. */
    async function eventually(question: () => Promise<string>, answer: string): Promise<void> {
      let last = '';
      for (let tries = 0; tries < 60 && last !== answer; tries++) {
        last = await question();
        if (last !== answer) await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(last).toBe(answer);
    }

    it('is the newest ready one until there is one in production, then only that', async () => {
      const model = { name: 'versions', model_type: 'classification', framework: 'sklearn' };
      const { model_id: id } = (await acme.post('/api/v1/models', model)).body;
      expect(await ask(id)).toBe('STAGE_CONFLICT');
      expect(await ask(id, '1.0.0')).toBe('STAGE_CONFLICT');
      expect(await ask(id, '1.1.0')).toBe('MODEL_NOT_FOUND');

      const settings = { estimator: 'logistic_regression' };
      expect(await train('versions', 'subscribers.csv', 'churn', settings)).toMatchObject({
        model_id: id,
        version: '1.0.0',
      });
      await eventually(() => ask(id), '1.0.0');
      await train('versions', 'subscribers.csv', 'churn', settings);
      await eventually(() => ask(id), '1.1.0');
      await train('versions', 'subscribers.csv', 'churn', settings);

      await move(id, '1.0.0', 'staging');
      await move(id, '1.0.0', 'production');
      await eventually(() => ask(id), '1.0.0');
      expect(await ask(id, '1.2.0')).toBe('1.2.0');

      const other = await Service.start({ beside: service });
      try {
        const remote = await other.as('acme-corp');
        const askRemote = async () => {
          const { body } = await remote.post('/api/v1/predictions', { model_id: id, features: fit });
          return body.version ?? body.code;
        };
        expect(await askRemote()).toBe('1.0.0');
        await move(id, '1.1.0', 'staging');
        await move(id.toUpperCase(), '1.1.0', 'production');
        await eventually(askRemote, '1.1.0');
        await move(id, '1.1.0', 'staging');
        await eventually(askRemote, 'STAGE_CONFLICT');
        expect((await acme.get(`/api/v1/models/${id}`)).body).toMatchObject({
          current_version: '1.0.0',
          stage: 'archived',
        });

        await (await service.as('acme-corp', 'admin')).delete(`/api/v1/models/${id}`);
        await eventually(askRemote, 'MODEL_NOT_FOUND');
      } finally {
        await other.stop();
      }
    });

    it('is loaded once for requests that come at once', async () => {
      const { model_id } = await train('stampede', 'subscribers.csv', 'churn', {
        estimator: 'logistic_regression',
      });
      const answers = await Promise.all(Array.from({ length: 50 }, () => ask(model_id)));
      expect(new Set(answers)).toEqual(new Set(['1.0.0']));
    });

    it('is refused while its artifact is not what was published', async () => {
      const { model_id, version } = await train('damaged', 'subscribers.csv', 'churn', {
        estimator: 'logistic_regression',
      });
      const { artifact } = (await acme.get(`/api/v1/models/${model_id}/versions/${version}`)).body;
      const [named] = await service.database.query<{ core: string }>(
        `select sha256 as core from version_files where name = 'core' and version_id =
           (select id from model_versions where model_id = $1)`,
        [model_id],
      );
      expect(named!.core).not.toBe(artifact.sha256);
      const file = join(service.stateDir, 'objects/modelplane/acme-corp/artifacts', named!.core);
      const flipByte = async () => {
        const bytes = await readFile(file);
        bytes[bytes.length >> 1]! ^= 1;
        await writeFile(file, bytes);
      };

      // A process that has nothing in memory yet.
      const fresh = await Service.start({ beside: service });
      try {
        const client = await fresh.as('acme-corp');
        const askFresh = () => client.post('/api/v1/predictions', { model_id, features: fit });
        await flipByte();
        expect((await askFresh()).body).toMatchObject({ status: 500, code: 'INTERNAL_ERROR' });
        await flipByte();
        expect((await askFresh()).status).toBe(200);
      } finally {
        await fresh.stop();
      }
    });

    it('answers the same by its whole graph, as versions do that have no core', async () => {
      const { model_id } = await train('before cores', 'subscribers.csv', 'churn', {
        estimator: 'gradient_boosting',
      });
      const rows = holdout.map(({ churn: _, ...features }) => features);
      const request = { model_id, features: rows, options: { return_probabilities: true } };
      const byCore = (await acme.post('/api/v1/predictions', request)).body;
      await removeCore(service.database, model_id);
      const fresh = await Service.start({ beside: service });
      try {
        const client = await fresh.as('acme-corp');
        const { status, body } = await client.post('/api/v1/predictions', request);
        expect(status).toBe(200);
        expect(body.probabilities).toEqual(byCore.probabilities);
        expect(body.prediction).toEqual(byCore.prediction);
      } finally {
        await fresh.stop();
      }
    });
  });
});
