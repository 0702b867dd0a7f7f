import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './support/client.js';
import { jsonLines, type Output, readOutput, type Row, rowsOf, toParquet } from './support/batches.js';
import { makeData, python } from './support/data.js';
import { Service } from './support/service.js';
import { makeUploads, registerModel, upload } from './support/uploads.js';

const BATCH = '/api/v1/predictions/batch';

describe('batch predictions', () => {
  let service: Service;
  let acme: Client;
  let customers: Row[];
  let subscribers: Row[];
  let churn: string;
  let subscriptions: string;

  beforeAll(async () => {
    service = await Service.start({
      role: 'all',
      env: { MODELPLANE_UPLOADED_MODEL_RUN_SECONDS: '2' },
    });
    acme = await service.as('acme-corp', 'scientist');
    const files = await makeData('train.parquet', 'val.parquet', 'subscribers.csv', 'holdout.jsonl');
    for (const [name, content] of Object.entries(files)) await put(name, content);
    await put('customers_to_score.parquet', files['val.parquet']!);
    churn = await train('churn', 'train.parquet', 'churned', { n_estimators: 20 });
    subscriptions = await train('subscriptions', 'subscribers.csv', 'churn', {
      estimator: 'hist_gradient_boosting',
    });
    subscribers = String(files['holdout.jsonl'])
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Row);
    customers = [
      { total_orders: 15, days_since_last_order: 45, avg_order_value: 125.5, support_tickets: 3 },
      { total_orders: 2, days_since_last_order: 300, avg_order_value: 19.9, support_tickets: 9 },
    ];
  }, 120_000);
  afterAll(() => service.stop());

  const put = async (name: string, content: string | Buffer) =>
    expect((await acme.put(`/api/v1/objects/data/${name}`, content)).status).toBe(200);

  async function train(model_name: string, file: string, target_column: string, hyperparameters: object) {
    const data_config = { train_path: `s3://data/${file}`, target_column };
    const request = { model_name, framework: 'sklearn', data_config, hyperparameters };
    const { job_id } = (await acme.post('/api/v1/training', request)).body;
    const { body } = await acme.waitForJob(`/api/v1/training/${job_id}`);
    expect(body).toMatchObject({ status: 'succeeded' });
    return body.result.model_id as string;
  }

  const list = async (folder: string) =>
    ((await acme.get(`/api/v1/objects?prefix=s3://${folder}/`)).body.data as Row[]).map(({ uri }) => uri);

  let outputs = 0;
  /** Submits a batch to a folder of its own, waits for its end. */
  async function run(request: object) {
    const folder = `predictions/run-${++outputs}`;
    const { status, body } = await acme.post(BATCH, { output_path: `s3://${folder}/`, ...request });
    expect({ status, body }).toMatchObject({ status: 202 });
    const job = (await acme.waitForJob(`${BATCH}/${body.job_id}`)).body;
    return { folder, job };
  }

  async function score(request: object): Promise<Output & { job: Row; folder: string }> {
    const { folder, job } = await run(request);
    expect(job).toMatchObject({ status: 'succeeded', error: null });
    return { ...(await readOutput(acme, folder)), job, folder };
  }

  const single = async (model_id: string, features: unknown) =>
    acme.post('/api/v1/predictions', { model_id, features, options: { return_probabilities: true } });

  async function expectEqual({ files, errors }: Output, model: string, rows: Row[]) {
    const found = await rowsOf({ files });
    const refused = new Map(errors.map(({ row, reason }) => [row as number, String(reason)]));
    let at = 0;
    for (const [number, row] of rows.entries()) {
      const answer = await single(model, row);
      if (answer.status === 422) {
        const messages = answer.body.errors.map(({ message }: { message: string }) => message);
        expect(refused.get(number)).toBe(messages.join('; '));
        continue;
      }
      expect({ number, refused: refused.get(number) }).toEqual({ number, refused: undefined });
      const { prediction, probabilities, classes } = answer.body;
      const scored = found[at++]!;
      expect({ number, prediction: scored.prediction }).toEqual({ number, prediction: prediction[0] });
      for (const [place, label] of (classes ?? []).entries()) {
        // A linear model sums in another order when it is given other rows beside.
        expect(scored[`probability_${label}`]).toBeCloseTo(probabilities[0][place], 6);
      }
    }
    expect(at).toBe(found.length);
  }

  describe('the example of the API document', () => {
    it('is accepted, and makes parts and a manifest', async () => {
      const submitted = await acme.post(BATCH, {
        model_id: churn,
        input_path: 's3://data/customers_to_score.parquet',
        output_path: 's3://predictions/churn_scores/',
        batch_size: 1000,
      });
      expect(submitted.status).toBe(202);
      expect(submitted.body).toEqual({
        job_id: expect.stringMatching(/^batch-[0-9a-f-]{36}$/),
        status: 'submitted',
        estimated_completion: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/),
      });
      const path = `${BATCH}/${submitted.body.job_id}`;
      const { body } = await acme.waitForJob(path);
      expect(body).toMatchObject({
        status: 'succeeded',
        model_id: churn,
        version: '1.0.0',
        progress: { rows_done: 200, rows_total: 200, rows_failed: 0, rows_per_second: expect.any(Number) },
        estimated_completion: body.ended_at,
        result: {
          manifest: 's3://predictions/churn_scores/_SUCCESS',
          parts: 1,
          rows_read: 200,
          rows_scored: 200,
          rows_failed: 0,
        },
        attempt: 1,
      });
      const output = await readOutput(acme, 'predictions/churn_scores');
      expect(output.manifest).toMatchObject({
        job_id: submitted.body.job_id,
        model_id: churn,
        model_version: '1.0.0',
        rows_scored: 200,
        input: { format: 'parquet', files: [{ uri: 's3://data/customers_to_score.parquet' }] },
      });
      const rows = await rowsOf(output);
      expect(Object.keys(rows[0]!)).toEqual([
        ...['total_orders', 'days_since_last_order', 'avg_order_value', 'support_tickets', 'churned'],
        ...['prediction', 'probability_0', 'probability_1', 'model_id', 'model_version'],
      ]);
      expect(rows[0]).toMatchObject({ model_id: churn, model_version: '1.0.0' });

      expect((await acme.get(BATCH)).body.data.map((job: Row) => job.job_id)).toContain(body.job_id);
      expect((await acme.get(`${path}/logs`)).status).toBe(200);
      const events = await acme.get(`${path}/events`);
      expect(events.body).toContain('event: succeeded');
      expect(await acme.delete(path)).toMatchObject({ status: 409, body: { code: 'JOB_ENDED' } });
    });
  });

  describe('answer as single predictions do', () => {
    /** Rows that the model takes, and rows that it refuses. */
    const odd: Row[] = [
      { contract: null },
      { contract: 'platinum' },
      { contract: '' },
      { monthly_charges: null, paperless: null, 'tenure months': null },
      { paperless: 1 },
      { paperless: 2 },
      { paperless: 'yes' },
      { 'tenure months': 1.5 },
      { 'tenure months': 3.0 },
      { 'tenure months': 2 ** 53 },
      { 'tenure months': '12' },
      { monthly_charges: 1e39 },
      { monthly_charges: true },
      { monthly_charges: -1e30 },
      { contract: 7 },
      { contract: 'x'.repeat(70_000) },
      { zahlungsart: '電子マネー' },
      { zahlungsart: ['a'] },
      { paperless: {} },
    ];

    it('in JSON lines, row by row, also for those that are refused', async () => {
      const base = subscribers.slice(0, 40).map(({ churn: _, ...row }) => row);
      const rows = [...base, ...odd.map((more) => ({ ...base[0], ...more }))];
      const { contract: _, ...incomplete } = base[1]!;
      rows.push(incomplete);
      await put('odd.jsonl', jsonLines(rows));
      const output = await score({
        model_id: subscriptions,
        input_path: 's3://data/odd.jsonl',
        passthrough_columns: ['zahlungsart'],
        max_error_share: 0.5,
      });
      expect(output.errors.length).toBeGreaterThan(8);
      await expectEqual(output, subscriptions, rows);
      expect(output.job.warnings).toContainEqual('contract: 1 rows hold values that training has not seen.');
    });

    it('in Parquet, with nulls and categories that training has not seen', async () => {
      const rows = subscribers.map(({ churn: _, ...row }, number) => ({
        ...row,
        ...(number % 50 === 0 && { contract: 'platinum' }),
        ...(number % 60 === 0 && { paperless: null }),
      }));
      await put('mixed.parquet', await toParquet(rows, 70));
      const output = await score({
        model_id: subscriptions,
        input_path: 's3://data/mixed.parquet',
        batch_size: 33,
      });
      await expectEqual(output, subscriptions, rows);
    });

    it('in Parquet, where numbers do not fit', async () => {
      const base = { total_orders: 1, days_since_last_order: 2, avg_order_value: 3, support_tickets: 4 };
      const rows: Row[] = [
        base,
        { ...base, total_orders: 1.5 },
        { ...base, avg_order_value: 1e300 },
        { ...base, support_tickets: null },
        { ...base, days_since_last_order: 2 ** 53 },
      ];
      await put('misfits.parquet', await toParquet(rows));
      const output = await score({
        model_id: churn,
        input_path: 's3://data/misfits.parquet',
        max_error_share: 1,
      });
      expect(output.errors).toHaveLength(3);
      await expectEqual(output, churn, rows);
    });

    it('with times in every spelling', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'modelplane-dated-'));
      await python([join(__dirname, 'support/make_dated_data.py'), folder]);
      for (const name of ['dated.parquet', 'dated.csv']) await put(name, await readFile(join(folder, name)));
      await rm(folder, { recursive: true });
      const estimator = 'hist_gradient_boosting';
      const model = await train('dated', 'dated.parquet', 'churned', { estimator });
      const times = [
        '2022-08-01',
        '2022-08-01T10:00:00.123+02:00',
        1_659_312_000_000,
        null,
        '2022-02-30',
        1.5,
      ];
      const rows: Row[] = [...times, true, 1e18, 'soon'].map((joined) => ({ orders: 3, joined }));
      await put('times.jsonl', jsonLines(rows));
      const request = { model_id: model, input_path: 's3://data/times.jsonl', max_error_share: 1 };
      await expectEqual(await score(request), model, rows);

      const typed = await score({ model_id: model, input_path: 's3://data/dated.parquet' });
      const cells = await score({ model_id: model, input_path: 's3://data/dated.csv' });
      const [one, other] = [await rowsOf(typed), await rowsOf(cells)];
      expect(one).toHaveLength(500);
      expect(one.map((row) => row.probability_yes)).toEqual(other.map((row) => row.probability_yes));
      const features = one.map(({ orders, joined }) => ({ orders, joined }));
      const { body } = await single(model, features);
      expect(one.map(({ prediction }) => prediction)).toEqual(body.prediction);
      expect(one.map((row) => row.probability_yes)).toEqual(
        body.probabilities.map((row: number[]) => row[body.classes.indexOf('yes')]),
      );
    });

    it('in CSV, read as training reads it', async () => {
      const content = [
        'tenure months;monthly_charges;contract;zahlungsart;paperless;note',
        '12;70.5;one year;Überweisung;True;"a;b"',
        ' 3 ;NA; two years ;Kreditkarte;false;"x\ny"',
        '4;?;;電子マネー;1;',
        'many;1;one year;Überweisung;true;',
        '4;1;one year',
        '5;1;platinum;Überweisung;TRUE;last',
      ].join('\n');
      await put('cells.csv', content);
      const output = await score({
        model_id: subscriptions,
        input_path: 's3://data/cells.csv',
        max_error_share: 0.5,
      });
      const values = [
        [12, 70.5, 'one year', 'Überweisung', true],
        [3, null, 'two years', 'Kreditkarte', false],
        [4, null, null, '電子マネー', true],
        [5, 1, 'platinum', 'Überweisung', true],
      ];
      const names = ['tenure months', 'monthly_charges', 'contract', 'zahlungsart', 'paperless'];
      const rows = values.map((row) => Object.fromEntries(row.map((value, at) => [names[at], value])));
      await expectEqual({ ...output, errors: [] }, subscriptions, rows);
      expect(output.errors).toEqual([
        {
          file: 's3://data/cells.csv',
          row: 3,
          reason: `'tenure months' must be an integer, got the text "many"`,
        },
        { file: 's3://data/cells.csv', row: 4, reason: 'the row has 3 fields instead of 6' },
      ]);
      expect((await rowsOf(output)).map(({ note }) => note)).toEqual(['a;b', 'x\ny', '', 'last']);
      expect((await rowsOf(output))[1]).toMatchObject({ 'tenure months': ' 3 ', monthly_charges: 'NA' });
    });
  });

  describe('input', () => {
    it('may be a folder or a glob, in the order of the names', async () => {
      for (const [number, name] of ['in/b.jsonl', 'in/a.jsonl', 'in/_skipped.jsonl'].entries()) {
        await put(name, jsonLines(customers.map((row, at) => ({ id: number * 10 + at, ...row }))));
      }
      for (const input_path of ['s3://data/in/', 's3://data/in', 's3://data/in/[ab].jsonl']) {
        const output = await score({ model_id: churn, input_path });
        expect((await rowsOf(output)).map(({ id }) => id)).toEqual([10, 11, 0, 1]);
        expect(output.manifest.parts.map(({ input }: Row) => input)).toEqual([
          's3://data/in/a.jsonl',
          's3://data/in/b.jsonl',
        ]);
      }
    });

    it('that lies around the output does not take the output for rows', async () => {
      await put('around/rows.jsonl', jsonLines(customers));
      const request = {
        model_id: churn,
        input_path: 's3://data/around/',
        output_path: 's3://data/around/out/',
      };
      for (const overwrite of [false, true]) {
        const { body } = await acme.post(BATCH, { ...request, overwrite });
        const job = (await acme.waitForJob(`${BATCH}/${body.job_id}`)).body;
        expect(job).toMatchObject({ status: 'succeeded', result: { rows_read: 2 } });
      }
    });

    it('keeps what JSON says of the columns passed on, and refuses lines that are none', async () => {
      const lines = [
        JSON.stringify({ id: 1, tags: ['a'], vip: true, ...customers[0] }),
        '{"id": 2, broken',
        '',
        JSON.stringify({ id: 3, vip: null, ...customers[0] }),
        JSON.stringify({ id: 'four', ...customers[0] }),
        '[1]',
        '{"id": NaN}',
      ];
      await put('lines.jsonl', lines.join('\n'));
      const output = await score({
        model_id: churn,
        input_path: 's3://data/lines.jsonl',
        max_error_share: 1,
      });
      // The types are those of the first rows: a number and a text have text in common.
      expect(await rowsOf(output)).toMatchObject([
        { id: '1', tags: '["a"]', vip: true },
        { id: '3', tags: null, vip: null },
        { id: 'four', tags: null, vip: null },
      ]);
      expect(output.errors.map(({ row }) => row)).toEqual([1, 4, 5]);
    });
  });

  describe('output', () => {
    beforeAll(() => put('two.jsonl', jsonLines(customers.map((row, id) => ({ id, ...row })))));

    it('repeats the columns that are asked for', async () => {
      const request = { model_id: churn, input_path: 's3://data/two.jsonl' };
      const some = await score({ ...request, passthrough_columns: ['id'] });
      expect(Object.keys((await rowsOf(some))[0]!)).toEqual([
        ...['id', 'prediction', 'probability_0', 'probability_1', 'model_id', 'model_version'],
      ]);
      const none = await score({ ...request, passthrough_columns: [] });
      expect(await rowsOf(none)).toMatchObject([{ model_version: '1.0.0' }, { model_version: '1.0.0' }]);
    });

    it('is another job’s until overwrite says otherwise, and then replaces it', async () => {
      const request = { model_id: churn, input_path: 's3://data/two.jsonl' };
      const first = await score(request);
      const again = { ...request, output_path: `s3://${first.folder}/` };
      expect(await acme.post(BATCH, again)).toMatchObject({
        status: 409,
        body: { code: 'OUTPUT_EXISTS', errors: [{ pointer: '/output_path' }] },
      });
      const { body } = await acme.post(BATCH, { ...again, overwrite: true });
      expect((await acme.waitForJob(`${BATCH}/${body.job_id}`)).body.status).toBe('succeeded');
      const second = await readOutput(acme, first.folder);
      expect(second.manifest.job_id).toBe(body.job_id);
      const [old] = [...first.files.keys()];
      await until(async () => (await acme.get(`/api/v1/objects/${first.folder}/${old}`)).status === 404);
    });

    it('as CSV is faithful, and with csv_safe harmless in a spreadsheet', async () => {
      const notes = ['=1+1', '-5', '+49 30', '@x', 'a,"b"', '', null, 'l\nm', '0123'];
      await put('notes.jsonl', jsonLines(notes.map((note) => ({ note, ...customers[0] }))));
      const request = {
        model_id: churn,
        input_path: 's3://data/notes.jsonl',
        passthrough_columns: ['note'],
        output_format: 'csv',
      };
      const [plain] = (await score(request)).files.values();
      expect(String(plain).split('"prediction"')[0]).toBe('"note",');
      const cells = (csv: unknown) =>
        Array.from(
          String(csv).matchAll(/^("(?:[^"]|"")*"|),\d,/gm),
          ([, cell]) => cell && cell.slice(1, -1).replaceAll('""', '"'),
        );
      expect(cells(plain)).toEqual(notes.map((note) => note ?? ''));
      expect(String(plain)).toMatch(/^"",\d/m);
      expect(String(plain)).toMatch(/^,\d/m);
      const [safe] = (await score({ ...request, csv_safe: true })).files.values();
      expect(cells(safe)).toEqual(["'=1+1", '-5', "'+49 30", "'@x", 'a,"b"', '', '', 'l\nm', '0123']);
    });

    it('is not there where too many rows failed', async () => {
      const rows = [...customers, { ...customers[0], total_orders: 'many' }];
      await put('bad.jsonl', jsonLines(rows));
      const request = { model_id: churn, input_path: 's3://data/bad.jsonl' };
      const { folder, job } = await run(request);
      expect(job).toMatchObject({
        status: 'failed',
        error: {
          code: 'TOO_MANY_ERRORS',
          message: '1 of 3 rows cannot be scored, more than max_error_share allows (0.1).',
        },
        result: null,
      });
      await until(async () => (await list(folder)).length === 1);
      expect(await list(folder)).toEqual([expect.stringContaining('/errors/part-00000-batch-')]);
      const { rows_failed } = (await score({ ...request, max_error_share: 0.34 })).manifest;
      expect(rows_failed).toBe(1);
    });

    it('says what is in it also where there are no rows', async () => {
      await put('empty.csv', 'total_orders,days_since_last_order,avg_order_value,support_tickets\n');
      const { manifest } = await score({ model_id: churn, input_path: 's3://data/empty.csv' });
      expect(manifest).toMatchObject({ rows_read: 0, parts: [] });
    });
  });

  describe('a job', () => {
    it('keeps to the version that answered when it was submitted', async () => {
      const model = await train('pinned', 'train.parquet', 'churned', { n_estimators: 3 });
      const stage = (version: string, target_stage: string) =>
        acme.put(`/api/v1/models/${model}/stage`, { version, target_stage });
      for (const target of ['staging', 'production']) await stage('1.0.0', target);
      await train('pinned', 'train.parquet', 'churned', { n_estimators: 5 });
      const output = await score({ model_id: model, input_path: 's3://data/val.parquet' });
      expect(output.job.version).toBe('1.0.0');
      const named = await score({ model_id: model, version: '1.1.0', input_path: 's3://data/val.parquet' });
      expect(named.manifest.model_version).toBe('1.1.0');
    });

    it('is made once for one Idempotency-Key', async () => {
      const request = {
        model_id: churn,
        input_path: 's3://data/val.parquet',
        output_path: 's3://predictions/once/',
      };
      const header = { 'idempotency-key': 'batch-once' };
      const answers = [await acme.post(BATCH, request, header), await acme.post(BATCH, request, header)];
      expect(answers.map(({ status }) => status)).toEqual([202, 202]);
      expect(answers[0]!.body).toEqual(answers[1]!.body);
      await acme.waitForJob(`${BATCH}/${answers[0]!.body.job_id}`);
    });

    it.each([
      ['a feature', 'two_columns.parquet', undefined, 'COLUMN_NOT_FOUND', /total_orders/],
      [
        'a column to pass on',
        'val.parquet',
        ['customer'],
        'COLUMN_NOT_FOUND',
        /passthrough_columns.*customer/,
      ],
    ])('fails where %s is not there', async (_, file, passthrough_columns, code, message) => {
      await put('two_columns.parquet', await toParquet([{ a: 1, b: 2 }]));
      const { job } = await run({ model_id: churn, input_path: `s3://data/${file}`, passthrough_columns });
      expect(job).toMatchObject({
        status: 'failed',
        error: { code, message: expect.stringMatching(message) },
      });
    });

    it.each([
      ['broken.parquet', 'not parquet', 'DATA_UNREADABLE'],
      ['scored.jsonl', '{"prediction": 1, "total_orders": 1}\n', 'DATA_UNFIT'],
    ])('fails on %s', async (name, content, code) => {
      await put(name, content);
      const { job } = await run({ model_id: churn, input_path: `s3://data/${name}` });
      expect(job).toMatchObject({ status: 'failed', error: { code } });
    });
  });

  describe('of a model made elsewhere', () => {
    let files: Map<string, Buffer>;

    beforeAll(async () => {
      files = await makeUploads();
    }, 60_000);

    async function uploaded(type: string, file: string, signature?: object): Promise<string> {
      const id = await registerModel(acme, type);
      const { status, body } = await upload(acme, id, files.get(file)!, signature);
      expect({ status, body }).toMatchObject({ status: 201 });
      return id;
    }

    it('equal its single predictions', async () => {
      const packed = await uploaded('classification', 'good-packed.onnx', {
        features: ['a', 'b', 'c', { name: 'd', nullable: true }],
      });
      const { rows } = JSON.parse(String(files.get('packed.json'))) as { rows: number[][] };
      const features = rows.map(([a, b, c, d]) => ({ a, b, c, d }));
      await put('packed.jsonl', jsonLines(features));
      const output = await score({ model_id: packed, input_path: 's3://data/packed.jsonl' });
      await expectEqual(output, packed, features);
    });

    it('equal them with features of every type', async () => {
      const model = await uploaded('regression', 'good-columns.onnx');
      const base = { amount: 1.5, count: 2, size: 3, flag: true, plan: 'gold' };
      const rows: Row[] = [
        base,
        { ...base, plan: 'basic', flag: false, amount: -1e300, count: 2 ** 53 - 1 },
        { ...base, size: 2 ** 31 },
        { ...base, count: null },
      ];
      await put('columns.jsonl', jsonLines(rows));
      const request = { model_id: model, input_path: 's3://data/columns.jsonl', max_error_share: 0.5 };
      await expectEqual(await score(request), model, rows);
    });

    it('fail where it takes too long', async () => {
      const model = await uploaded('regression', 'good-slow-on-demand.onnx');
      await put('slow.jsonl', jsonLines([{ x: 1 }, { x: 7000 }]));
      const { job } = await run({ model_id: model, input_path: 's3://data/slow.jsonl' });
      expect(job).toMatchObject({
        status: 'failed',
        error: {
          code: 'MODEL_FAILED',
          message: expect.stringContaining('did not answer within 2 seconds'),
        },
      });
    });
  });

  describe('refuse', () => {
    const fit = () => ({
      model_id: churn,
      input_path: 's3://data/val.parquet',
      output_path: 's3://predictions/refused/',
    });

    it.each([
      [{ model_id: 7 }, 400, '/model_id'],
      [{ model_id: undefined }, 400, '/model_id'],
      [{ surprise: 1 }, 400, '/surprise'],
      [{ batch_size: 0 }, 400, '/batch_size'],
      [{ batch_size: 1.5 }, 400, '/batch_size'],
      [{ max_error_share: 1.1 }, 400, '/max_error_share'],
      [{ output_format: 'xlsx' }, 400, '/output_format'],
      [{ input_format: 'xml' }, 400, '/input_format'],
      [{ passthrough_columns: 'id' }, 400, '/passthrough_columns'],
      [{ overwrite: 'yes' }, 400, '/overwrite'],
      [{ output_path: 's3://predictions/no_folder' }, 400, '/output_path'],
      [{ output_path: '/etc/passwd/' }, 400, '/output_path'],
      [{ output_path: 's3://predictions/../data/' }, 400, '/output_path'],
      [{ input_path: 'https://example.org/x' }, 400, '/input_path'],
      [{ input_path: 's3://modelplane/acme-corp/' }, 403, '/input_path'],
      [{ output_path: 's3://modelplane/acme-corp/' }, 403, '/output_path'],
      [{ output_path: 's3://tenants/globex/' }, 403, '/output_path'],
      [{ input_path: 's3://data/absent.parquet' }, 422, '/input_path'],
      [{ csv_safe: true }, 422, '/csv_safe'],
    ])('%j', async (change, status, pointer) => {
      const answer = await acme.post(BATCH, { ...fit(), ...change });
      const pointers = new Set(answer.body.errors.map((error: Row) => error.pointer));
      expect({ status: answer.status, pointers }).toEqual({ status, pointers: new Set([pointer]) });
    });

    it('a model or a version that does not exist, and a version without an artifact', async () => {
      const absent = '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e';
      for (const change of [{ model_id: absent }, { model_id: 'churn' }, { version: '9.9.9' }]) {
        const answer = await acme.post(BATCH, { ...fit(), ...change });
        expect(answer).toMatchObject({ status: 404, body: { code: 'MODEL_NOT_FOUND' } });
      }
      const empty = { name: 'empty', model_type: 'classification', framework: 'sklearn' };
      const { model_id } = (await acme.post('/api/v1/models', empty)).body;
      const answer = await acme.post(BATCH, { ...fit(), model_id });
      expect(answer).toMatchObject({ status: 409, body: { code: 'STAGE_CONFLICT' } });
    });

    it('who may only look, and jobs that are none', async () => {
      const viewer = await service.as('acme-corp', 'viewer');
      expect((await viewer.post(BATCH, fit())).status).toBe(403);
      expect((await acme.get(`${BATCH}/batch-1`)).body.code).toBe('JOB_NOT_FOUND');
      expect((await acme.get(`${BATCH}/train-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e`)).body.code).toBe(
        'JOB_NOT_FOUND',
      );
    });
  });

  it('leave nothing in the platform’s own bucket once they have ended', async () => {
    await score({ model_id: churn, input_path: 's3://data/val.parquet' });
    const folder = join(service.stateDir, 'objects/modelplane/acme-corp');
    await until(async () => {
      // A folder may go while it is looked at.
      const names = await readdir(folder, { recursive: true }).catch(() => ['batch-?']);
      return names.includes('artifacts') && !names.some((name) => name.includes('batch-'));
    });
  });
});

/** What follows a job's end is done a moment after it. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await isSo()) return;
    await sleep(25);
  }
  throw new Error('it never came to be');
}
