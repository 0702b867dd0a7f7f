import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeData } from './support/data.js';
import type { Answer, Client } from './support/client.js';
import { Service } from './support/service.js';
import { makeUploads, registerModel, upload } from './support/uploads.js';
import { removeCore, removeFile } from './support/versions.js';

const MOST_SAMPLES = 200_000;

describe('explanations', () => {
  let service: Service;
  let acme: Client;
  /** Of 12 numbers: more features than all coalitions are asked for. */
  let wide: string;
  /** Of text, a flag and numbers with gaps. */
  let mixed: string;

  beforeAll(async () => {
    service = await Service.start({
      role: 'all',
      env: { MODELPLANE_EXPLANATION_MAX_SAMPLES: String(MOST_SAMPLES) },
    });
    acme = await service.as('acme-corp', 'scientist');
    const files = await makeData('subscribers.csv', 'spend.jsonl', 'tiers.parquet', 'dated.parquet');
    for (const [name, content] of Object.entries({ ...files, 'wide.csv': wideTable() }))
      expect((await acme.put(`/api/v1/objects/data/${name}`, content)).status).toBe(200);
    wide = await train('wide.csv', 'y', 'gradient_boosting');
    mixed = await train('subscribers.csv', 'churn', 'gradient_boosting');
  });
  afterAll(() => service?.stop());

  async function train(file: string, target_column: string, estimator: string, hyperparameters = {}) {
    const { body } = await acme.post('/api/v1/training', {
      model_name: `${file} by ${estimator}`,
      framework: 'sklearn',
      data_config: {
        train_path: `s3://data/${file}`,
        target_column,
        exclude_columns: file === 'wide.csv' ? ['y', 'value'].filter((name) => name !== target_column) : [],
      },
      hyperparameters: { estimator, ...hyperparameters },
    });
    const job = await acme.waitForJob(`/api/v1/training/${body.job_id}`);
    expect(job.body).toMatchObject({ status: 'succeeded' });
    return job.body.result.model_id as string;
  }

  const explain = (model_id: string, features: unknown, client = acme) =>
    client.post('/api/v1/predictions', {
      model_id,
      features,
      options: { return_explanation: true, return_probabilities: true },
    });

  async function explained(model_id: string, features: object, client = acme) {
    const { status, body } = await explain(model_id, features, client);
    expect({ status, body }).toMatchObject({ status: 200 });
    expect(Object.keys(body.explanation.contributions)).toEqual(Object.keys(body.explanation.standard_error));
    return body;
  }

  const sum = (contributions: Record<string, number>) =>
    Object.values(contributions).reduce((total, value) => total + value, 0);

  function expectToAddUp({ explanation, prediction, classes, probabilities }: Answer['body']) {
    const predicted = classes ? probabilities[0][classes.indexOf(prediction[0])] : prediction[0];
    expect(Math.abs(explanation.base_value + sum(explanation.contributions) - predicted)).toBeLessThan(1e-6);
    if (classes) expect(explanation.class).toBe(prediction[0]);
    else expect(explanation).not.toHaveProperty('class');
  }

  const subscriber = {
    'tenure months': 2,
    monthly_charges: null,
    contract: 'month-to-month',
    zahlungsart: '電子マネー',
    paperless: true,
  };
  const customer = {
    total_orders: 3,
    days_since_last_order: 200,
    avg_order_value: 71.5,
    support_tickets: 4,
  };

  describe('of a classification', () => {
    it('speak of the features as the caller does, and add up to the probability', async () => {
      const body = await explained(mixed, subscriber);
      expect(Object.keys(body.explanation.contributions)).toEqual(Object.keys(subscriber));
      expect(body.explanation).toMatchObject({ class: body.prediction[0], exact: true });
      expectToAddUp(body);
      // The data was made so that a short tenure is what speaks most for leaving.
      const { 'tenure months': tenure, ...others } = body.explanation.contributions;
      expect(body.prediction).toEqual(['yes']);
      expect(tenure).toBeGreaterThan(Math.max(...(Object.values(others) as number[]).map(Math.abs)));
    });

    it('are of the predicted one of several classes', async () => {
      const model = await train('tiers.parquet', 'tier', 'gradient_boosting', { n_estimators: 20 });
      for (const total_orders of [5, 30, 55]) {
        const body = await explained(model, { ...customer, total_orders });
        expectToAddUp(body);
        expect(body.explanation.contributions.total_orders).toBeGreaterThan(0.3);
      }
    });

    it('take a time as one feature, and its absence for a value', async () => {
      const model = await train('dated.parquet', 'churned', 'hist_gradient_boosting');
      for (const joined of ['2023-11-05T10:00:00Z', 1_700_000_000_000, null]) {
        const body = await explained(model, { orders: 4, joined });
        expect(Object.keys(body.explanation.contributions)).toEqual(['orders', 'joined']);
        expectToAddUp(body);
      }
    });
  });

  it('are as docs/explanations.md shows them, of the model of the tour', async () => {
    const pages = await Promise.all(
      ['README.md', 'docs/explanations.md'].map((page) => readFile(join(__dirname, '..', page), 'utf8')),
    );
    const [, table = ''] = /<<'CSV'\n([\s\S]*?)\nCSV\n/.exec(pages[0]!) ?? [];
    const [, request = ''] = /predictions" -d '(\{[\s\S]*?\n\})'/.exec(pages[1]!) ?? [];
    const [, shown = ''] = /```json\n"explanation": (\{[\s\S]*?\n\})\n```/.exec(pages[1]!) ?? [];
    const [header, ...lines] = table.split('\n');
    // The tour appends the rows six times.
    const rows = [header, ...Array<string[]>(7).fill(lines).flat()];
    await acme.put('/api/v1/objects/data/customers.csv', Buffer.from(rows.join('\n')));
    const model = await train('customers.csv', 'churned', 'logistic_regression');
    const body = JSON.parse(request.replace(`'$MODEL'`, model));
    const answer = await acme.post('/api/v1/predictions', body);
    expect(rounded(answer.body.explanation)).toEqual(JSON.parse(shown));
  });

  describe('of the class that is asked for', () => {
    const explainClass = (model_id: string, features: unknown, label: unknown, path = '') =>
      acme.post(`/api/v1/predictions${path}`, {
        model_id,
        features,
        options: { return_explanation: true, return_probabilities: true, class: label },
      });

    it('are of that class in every row, so that signs can be compared', async () => {
      const rows = [subscriber, { ...subscriber, 'tenure months': 70 }];
      const predicted = (await explain(mixed, rows)).body;
      expect(predicted.prediction).toEqual(['yes', 'no']);
      const { body } = await explainClass(mixed, rows, 'yes');
      expect(body.prediction).toEqual(['yes', 'no']);
      const [first, second] = body.explanation;
      expect(first).toEqual(predicted.explanation[0]);
      for (const [at, { class: label, base_value, contributions }] of body.explanation.entries()) {
        expect(label).toBe('yes');
        const probability = body.probabilities[at][body.classes.indexOf('yes')];
        expect(Math.abs(base_value + sum(contributions) - probability)).toBeLessThan(1e-6);
      }
      expect(second.base_value).toBeCloseTo(first.base_value, 6);
      expect(first.contributions['tenure months']).toBeGreaterThan(0);
      expect(second.contributions['tenure months']).toBeLessThan(0);
      // Of two classes the one gains what the other loses.
      for (const [name, value] of Object.entries(
        predicted.explanation[1].contributions as Record<string, number>,
      ))
        expect(second.contributions[name]).toBeCloseTo(-value, 6);
    });

    it('are those of any of several classes, which add up to nothing', async () => {
      const model = await train('tiers.parquet', 'tier', 'logistic_regression');
      const { classes } = (await explain(model, customer)).body;
      const all = [];
      for (const label of classes) all.push((await explainClass(model, customer, label)).body.explanation);
      expect(all.map(({ class: label }) => label)).toEqual(classes);
      expect(sum(Object.fromEntries(all.map(({ base_value }, at) => [at, base_value])))).toBeCloseTo(1, 5);
      for (const name of Object.keys(customer)) {
        const contributions = all.map(({ contributions }) => contributions[name] as number);
        expect(contributions.reduce((total, value) => total + value, 0)).toBeCloseTo(0, 5);
      }
    });

    it.each([
      ['a class that the model does not have', 'maybe', 422, 'must be a class of the model: "no", "yes"'],
      ['a class of another type', 1, 422, 'must be a class of the model: "no", "yes"'],
      ['null', null, 400, 'must be a class of the model: a text, a number, true or false'],
      ['a list', ['yes'], 400, 'must be a class of the model: a text, a number, true or false'],
    ])('should not be given for %s', async (_, label, status, message) => {
      for (const path of ['', '/async'])
        expect(await explainClass(mixed, subscriber, label, path)).toMatchObject({
          status,
          body: { errors: [{ pointer: '/options/class', message }] },
        });
    });

    it('should not be given of a regression, or where no explanation is asked for', async () => {
      const model = await train('wide.csv', 'value', 'hist_gradient_boosting');
      for (const path of ['', '/async'])
        expect(await explainClass(model, wideRow(1), 1, path)).toMatchObject({
          status: 400,
          body: { code: 'INVALID_REQUEST', errors: [{ pointer: '/options/class' }] },
        });
      for (const options of [{ class: 'yes' }, { class: 'yes', return_explanation: false }]) {
        const { status, body } = await acme.post('/api/v1/predictions', {
          model_id: mixed,
          features: subscriber,
          options,
        });
        expect([status, body.errors]).toEqual([
          400,
          [{ pointer: '/options/class', message: 'says what to explain, and needs return_explanation' }],
        ]);
      }
    });

    it('come with asynchronous predictions too', async () => {
      const { status, body } = await explainClass(mixed, subscriber, 'no', '/async');
      expect(status).toBe(202);
      let answer = await acme.get(`/api/v1/predictions/async/${body.job_id}`);
      while (answer.status === 202) answer = await acme.get(`/api/v1/predictions/async/${body.job_id}`);
      expect(answer.body.explanation).toMatchObject({ class: 'no' });
      expect(answer.body.prediction).toEqual(['yes']);
    });
  });

  describe('of a regression', () => {
    it('add up to the value', async () => {
      const model = await train('spend.jsonl', 'yearly_spend', 'random_forest', { n_estimators: 30 });
      expectToAddUp(await explained(model, spender(40, 150)));
    });

    it.each(['linear_regression', 'ridge', 'lasso', 'sgd'])('are exact for %s', async (estimator) => {
      const model = await train('wide.csv', 'value', estimator);
      const one = await explained(model, wideRow(1));
      expect(one.explanation).toMatchObject({ exact: true, samples: expect.any(Number) });
      expect(one.explanation.samples).toBeLessThanOrEqual(1200);
      expect(sum(one.explanation.standard_error)).toBe(0);
      expectToAddUp(one);
      // What one feature adds does not depend on the others.
      const other = await explained(model, { ...wideRow(2), x3: wideRow(1).x3 });
      const scale = Math.abs(one.explanation.base_value);
      expect(Math.abs(other.explanation.contributions.x3 - one.explanation.contributions.x3)).toBeLessThan(
        1e-5 * scale,
      );
    });
  });

  describe('that are sampled', () => {
    it('say how far they may be off, and are the same for the same request', async () => {
      const one = await explained(wide, wideRow(1));
      expect(one.explanation).toMatchObject({ exact: false });
      expect(one.explanation.samples).toBeGreaterThan(1000);
      expect(Math.max(...(Object.values(one.explanation.standard_error) as number[]))).toBeGreaterThan(0);
      expectToAddUp(one);
      expect((await explained(wide, wideRow(1))).explanation).toEqual(one.explanation);
      const fresh = await Service.start({ beside: service });
      try {
        const again = await explained(wide, wideRow(1), await fresh.as('acme-corp'));
        expect(again.explanation).toEqual(one.explanation);
      } finally {
        await fresh.stop();
      }
    });

    it('are a list for several rows, each as if it were alone', async () => {
      const rows = [1, 2, 3].map(wideRow);
      const { body } = await explain(wide, rows);
      const alone = [];
      for (const row of rows) alone.push((await explained(wide, row)).explanation);
      expect(body.explanation).toEqual(alone);
      expect((await explain(wide, rows.slice(0, 1))).body.explanation).toEqual(alone.slice(0, 1));
    });

    it('are refused beyond a limit of the work', async () => {
      const { status, body } = await explain(wide, new Array(200).fill(wideRow(1)));
      expect({ status, code: body.code, errors: body.errors }).toEqual({
        status: 422,
        code: 'VALIDATION_ERROR',
        errors: [
          {
            pointer: '/features',
            message: 'may hold at most 20 rows where an explanation is asked for, holds 200',
          },
        ],
      });
    });
  });

  it('are the same by the whole graph, for versions that have no core', async () => {
    const byCore = await explained(mixed, subscriber);
    await removeCore(service.database, mixed);
    const fresh = await Service.start({ beside: service });
    try {
      const whole = await explained(mixed, subscriber, await fresh.as('acme-corp'));
      for (const [name, value] of Object.entries(byCore.explanation.contributions as Record<string, number>))
        expect(whole.explanation.contributions[name]).toBeCloseTo(value, 6);
    } finally {
      await fresh.stop();
    }
  });

  it('come with asynchronous predictions too', async () => {
    const direct = await explained(wide, wideRow(4));
    const { status, body } = await acme.post('/api/v1/predictions/async', {
      model_id: wide,
      features: wideRow(4),
      options: { return_explanation: true },
    });
    expect(status).toBe(202);
    const end = Date.now() + 30_000;
    let answer = await acme.get(`/api/v1/predictions/async/${body.job_id}`);
    while (answer.status === 202 && Date.now() < end)
      answer = await acme.get(`/api/v1/predictions/async/${body.job_id}`);
    expect(answer.body.explanation).toEqual(direct.explanation);
  });

  it('are not there unless they are asked for', async () => {
    for (const options of [undefined, {}, { return_explanation: false }]) {
      const { body } = await acme.post('/api/v1/predictions', {
        model_id: wide,
        features: wideRow(1),
        options,
      });
      expect(body.prediction).toHaveLength(1);
      expect(body).not.toHaveProperty('explanation');
    }
  });

  describe('should not be given', () => {
    const refusal = (why: RegExp) => ({
      status: 422,
      body: {
        code: 'VALIDATION_ERROR',
        errors: [{ pointer: '/options/return_explanation', message: expect.stringMatching(why) }],
      },
    });

    it('of a model of another tenant', async () => {
      const globex = await service.as('globex', 'admin');
      expect(await explain(wide, wideRow(1), globex)).toMatchObject({
        status: 404,
        body: { code: 'MODEL_NOT_FOUND' },
      });
    });

    it('for features that do not fit', async () => {
      const { status, body } = await explain(wide, { ...wideRow(1), x1: 'one' });
      expect([status, body.errors[0].pointer]).toEqual([422, '/features/x1']);
    });

    it.each(['yes', 1, null])('for the option %j', async (return_explanation) => {
      const { status, body } = await acme.post('/api/v1/predictions', {
        model_id: wide,
        features: wideRow(1),
        options: { return_explanation },
      });
      expect([status, body.code, body.errors]).toEqual([
        400,
        'INVALID_REQUEST',
        [{ pointer: '/options/return_explanation', message: 'must be true or false' }],
      ]);
    });

    it('with a batch', async () => {
      const { status, body } = await acme.post('/api/v1/predictions/batch', {
        model_id: wide,
        input_path: 's3://data/wide.csv',
        output_path: 's3://predictions/explained/',
        options: { return_explanation: true },
      });
      expect([status, body.errors[0].pointer]).toEqual([400, '/options']);
    });

    it('of a version of before, neither now nor later', async () => {
      const before = await train('subscribers.csv', 'churn', 'logistic_regression');
      await removeFile(service.database, before, 'background');
      expect(await explain(before, subscriber)).toMatchObject(refusal(/train the model again/));
      const later = { model_id: before, features: subscriber, options: { return_explanation: true } };
      expect(await acme.post('/api/v1/predictions/async', later)).toMatchObject(
        refusal(/train the model again/),
      );
      const { body } = await acme.post('/api/v1/predictions', { model_id: before, features: subscriber });
      expect(body.prediction).toHaveLength(1);
    });

    it('of an uploaded model', async () => {
      const files = await makeUploads();
      const id = await registerModel(acme, 'classification', 'sklearn');
      await upload(acme, id, files.get('good-packed.onnx')!, { features: ['a', 'b', 'c', 'd'] });
      expect(await explain(id, { a: 1, b: 1, c: 1, d: 1 })).toMatchObject(refusal(/was uploaded/));
      const importance = await acme.get(`/api/v1/models/${id}/versions/1.0.0/importance`);
      expect(importance).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
      expect(importance.body.detail).toMatch(/was not trained here/);
    });
  });

  it('should end where their caller hangs up', async () => {
    const features = Array.from({ length: 15 }, (_, at) => wideRow(at));
    const body = JSON.stringify({ model_id: wide, features, options: { return_explanation: true } });
    const headers = { authorization: `Bearer ${acme.token}`, 'content-type': 'application/json' };
    const hangUp = async () => {
      const signal = AbortSignal.timeout(50);
      await fetch(`${service.url}/api/v1/predictions`, { method: 'POST', headers, body, signal }).catch(
        () => undefined,
      );
    };
    const refusals = async () => {
      const { data } = (await acme.get(`/api/v1/models/${wide}/prediction-counts`)).body;
      return data.filter(({ code }: { code: string }) => code === 'INVALID_REQUEST');
    };
    // One that had been answered within that time had nothing to end.
    while ((await refusals()).length === 0) await hangUp();
    expect((await explain(wide, wideRow(1))).status).toBe(200);
  });

  describe('of a whole model', () => {
    const path = (id: string) => `/api/v1/models/${id}/versions/1.0.0/importance`;

    it('are its permutation importance, the most important feature first', async () => {
      const viewer = await service.as('acme-corp', 'viewer');
      const { status, body, headers } = await viewer.get(path(mixed));
      expect(status).toBe(200);
      expect(body).toMatchObject({
        model_id: mixed,
        version: '1.0.0',
        method: 'permutation',
        metric: 'log_loss',
        rows: 160,
        repeats: 5,
      });
      expect(body.features.map(({ name }: { name: string }) => name).sort()).toEqual(
        Object.keys(subscriber).sort(),
      );
      const means = body.features.map(({ mean }: { mean: number }) => mean);
      expect(means).toEqual([...means].sort((a: number, b: number) => b - a));
      expect(body.features[0].name).toBe('tenure months');
      expect(body.features[0].std).toBeGreaterThan(0);
      const tag = headers.get('etag') as string;
      expect((await viewer.get(path(mixed), { 'if-none-match': tag })).status).toBe(304);
    });

    it('are not there of another tenant, of no version, or before there is an artifact', async () => {
      const globex = await service.as('globex', 'admin');
      expect((await globex.get(path(mixed))).body.code).toBe('MODEL_NOT_FOUND');
      expect((await acme.get(`/api/v1/models/${mixed}/versions/7.0.0/importance`)).body.code).toBe(
        'MODEL_NOT_FOUND',
      );
      const empty = await registerModel(acme, 'regression', 'sklearn');
      const answer = await acme.get(path(empty));
      expect(answer).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
      expect(answer.body.detail).toMatch(/has no artifact yet/);
    });
  });
});

/** With its numbers to three digits. */
function rounded(explanation: unknown): unknown {
  return JSON.parse(JSON.stringify(explanation), (_, value: unknown) =>
    typeof value === 'number' ? Math.round(value * 1000) / 1000 : value,
  );
}

function spender(total_orders: number, avg_order_value: number) {
  return { total_orders, days_since_last_order: 30, avg_order_value, support_tickets: 1 };
}

/** A row of `wideTable`, seeded by its number. */
function wideRow(seed: number): Record<`x${number}`, number> {
  const value = (at: number) => Math.round(1000 * Math.abs(Math.sin(seed * 12.9898 + at * 78.233))) / 100;
  return Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`x${at}`, value(at)]));
}

/** 12 numbers, a class that three of them decide together, and a value that is a sum of them. */
function wideTable(): Buffer {
  const lines = [`${Object.keys(wideRow(0)).join()},y,value`];
  for (let seed = 0; seed < 400; seed++) {
    const row = Object.values(wideRow(seed)) as number[];
    const y = row[0]! * row[1]! > 20 !== row[2]! > 5 ? 1 : 0;
    const value = 100 + row.reduce((total, each, at) => total + each * (at - 3), 0);
    lines.push([...row, y, value.toFixed(3)].join());
  }
  return Buffer.from(lines.join('\n'));
}
