import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FEATURES } from './support/churn.js';
import type { Client } from './support/client.js';
import type { Service } from './support/service.js';
import { startWithModels, type TrainedModels } from './support/trained-models.js';
import { makeUploads, registerModel, upload } from './support/uploads.js';

type Row = Record<string, unknown>;

const NAMES = Object.keys(FEATURES);
/** Rows that a request may hold. */
const ROWS_AT_ONCE = 1000;
/** The graph answers its feature, and cannot have the memory that so much takes. */
const FAILS = 100_000;

describe('the explanation of an ensemble as one function', () => {
  let service: Service;
  let acme: Client;
  let models: TrainedModels;
  /** The model `churn` as an upload. */
  let copy: string;
  let made = 0;

  beforeAll(async () => {
    ({ service, models } = await startWithModels({
      env: { MODELPLANE_UPLOADED_MODEL_MEMORY_BYTES: String(2 ** 30) },
    }));
    acme = await service.as('acme-corp');
    const path = `/api/v1/models/${models.churn}/versions/1.0.0`;
    const { body: version } = await acme.get(path);
    const download = await fetch(`${acme.url}${path}/artifact`, {
      headers: { authorization: `Bearer ${acme.token}` },
    });
    copy = await registerModel(acme, 'classification');
    const { status, body } = await upload(acme, copy, Buffer.from(await download.arrayBuffer()), {
      features: version.signature.inputs.map(({ name, tensor }: Row) => ({ name, tensor, nullable: true })),
      labels: [0, 1],
      label_encoding: 'index',
    });
    expect({ status, body }).toMatchObject({ status: 201 });
  });
  afterAll(() => service?.stop());

  async function ensembleOf(ids: readonly (string | object)[], more: object = {}): Promise<string> {
    const { status, body } = await acme.post('/api/v1/ensembles', {
      name: `explained ${++made}`,
      method: 'voting_soft',
      models: ids.map((id, at) => (typeof id === 'string' ? { model_id: id, weight: 3 - at } : id)),
      ...more,
    });
    expect({ status, body }).toMatchObject({ status: 201 });
    return body.ensemble_id;
  }

  const explain = (model_id: string, features: Row, options: object = {}) =>
    acme.post('/api/v1/predictions', {
      model_id,
      features,
      options: { return_explanation: true, return_probabilities: true, ...options },
    });

  /** Rows of the training data that a version of `model` keeps. */
  async function backgroundOf(model: string): Promise<Row[]> {
    const [{ sha256 }] = (await service.database.query(
      `select sha256 from version_files join model_versions v on v.id = version_id
       where name = 'background' and model_id = $1`,
      [model],
    )) as [{ sha256: string }];
    const file = join(service.stateDir, 'objects/modelplane/acme-corp/artifacts', sha256);
    const { features, rows } = JSON.parse(await readFile(file, 'utf8'));
    return rows.map((row: unknown[]) =>
      Object.fromEntries(features.map((name: string, at: number) => [name, row[at]])),
    );
  }

  /** The probability of class 1 of each row. */
  async function probabilitiesOf(model_id: string, rows: readonly Row[]): Promise<number[]> {
    const found: number[] = [];
    for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
      const features = rows.slice(from, from + ROWS_AT_ONCE);
      const { body } = await acme.post('/api/v1/predictions', {
        model_id,
        features,
        options: { return_probabilities: true },
      });
      found.push(...body.probabilities.map((ofRow: number[]) => ofRow[1]!));
    }
    return found;
  }

  /** Shapley values by their definition: over all coalitions, and all rows of the background. */
  async function shapley(model_id: string, row: Row, background: readonly Row[]) {
    const coalitions = Array.from({ length: 2 ** NAMES.length }, (_, bits) =>
      NAMES.filter((_name, at) => bits & (1 << at)),
    );
    const mixed = coalitions.flatMap((members) =>
      background.map((other) => ({
        ...other,
        ...Object.fromEntries(members.map((name) => [name, row[name]])),
      })),
    );
    const answers = await probabilitiesOf(model_id, mixed);
    const worths = coalitions.map((_, at) => {
      const ofCoalition = answers.slice(at * background.length, (at + 1) * background.length);
      return ofCoalition.reduce((sum, value) => sum + value, 0) / background.length;
    });
    const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));
    const contributions = NAMES.map((_, feature) =>
      coalitions.reduce((sum, { length }, bits) => {
        if (bits & (1 << feature)) return sum;
        const weight = (factorial(length) * factorial(NAMES.length - length - 1)) / factorial(NAMES.length);
        return sum + weight * (worths[bits | (1 << feature)]! - worths[bits]!);
      }, 0),
    );
    return { base: worths[0]!, contributions };
  }

  const kinds: [string, () => Promise<string>][] = [
    ['votes', () => ensembleOf([models.churn, models.churnOfForest], { method: 'voting_hard' })],
    [
      'a cascade',
      () => ensembleOf([models.churn, models.churnOfForest], { strategy: 'cascade', threshold: 0.8 }),
    ],
    ['an uploaded member', () => ensembleOf([copy, models.churn, models.churnOfForest])],
    [
      'an ensemble of ensembles',
      async () =>
        ensembleOf([
          await ensembleOf([models.churn, copy], { method: 'voting_hard' }),
          models.churnWithoutTickets,
        ]),
    ],
  ];

  it.each(kinds)('should be that of Shapley: %s', async (_, make) => {
    const id = await make();
    const { status, body } = await explain(id, FEATURES, { class: 1 });
    expect({ status, body }).toMatchObject({ status: 200, body: { explanation: { class: 1, exact: true } } });
    const { base_value, contributions } = body.explanation;
    const expected = await shapley(id, FEATURES, await backgroundOf(models.churn));
    expect(base_value).toBeCloseTo(expected.base, 6);
    NAMES.forEach((name, at) => expect(contributions[name]).toBeCloseTo(expected.contributions[at]!, 6));
    const sum = NAMES.reduce((total, name) => total + contributions[name], base_value);
    expect(sum).toBeCloseTo(body.probabilities[0][1], 6);
  });

  it('should be that of the model where an upload is the same model', async () => {
    const own = await explain(models.churn, FEATURES);
    const both = await explain(await ensembleOf([copy, models.churn]), FEATURES);
    expect(both.body.explanation.class).toBe(own.body.explanation.class);
    for (const name of NAMES)
      expect(both.body.explanation.contributions[name]).toBeCloseTo(
        own.body.explanation.contributions[name],
        5,
      );
  });

  it('should be refused where no member keeps rows with all features', async () => {
    const { status, body } = await explain(await ensembleOf([copy, models.churnWithoutTickets]), FEATURES);
    expect({ status, body }).toMatchObject({
      status: 422,
      body: {
        code: 'VALIDATION_ERROR',
        errors: [
          {
            pointer: '/options/return_explanation',
            message: expect.stringMatching(/no member that answers was trained here on all of its features/),
          },
        ],
      },
    });
  });

  it('should be refused where a member does not answer every mixture as it does the row', async () => {
    const graph = (await makeUploads()).get('good-slow-on-demand.onnx')!;
    const wayward = await registerModel(acme, 'regression');
    const features = [{ name: 'total_orders', tensor: 'x' }];
    expect((await upload(acme, wayward, graph, { features })).status).toBe(201);
    const id = await ensembleOf([models.recency, wayward], { method: 'averaging' });
    const { inputs } = (await acme.get(`/api/v1/models/${id}/versions/1.0.0`)).body.signature;
    const row = Object.fromEntries(inputs.map(({ name }: { name: string }) => [name, 1]));
    const { body } = await explain(id, row);
    const parts = Object.values<number>(body.explanation.contributions);
    expect(parts.reduce((sum, part) => sum + part, body.explanation.base_value)).toBeCloseTo(
      body.prediction[0],
      4,
    );
    const refused = await explain(id, { ...row, total_orders: FAILS });
    expect(refused).toMatchObject({
      status: 422,
      body: {
        errors: [
          {
            pointer: '/options/return_explanation',
            message: expect.stringMatching(
              /does not answer all mixtures of rows alike: .*the uploaded model cannot/,
            ),
          },
        ],
      },
    });
  });
});
