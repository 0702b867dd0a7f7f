import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BatchScene } from './support/batch-scene.js';
import { jsonLines, type Row, rowsOf, toParquet } from './support/batches.js';
import type { Client } from './support/client.js';
import { python } from './support/data.js';
import { makeUploads, registerModel, upload } from './support/uploads.js';

describe('the answers of batches', () => {
  let scene: BatchScene;
  let acme: Client;
  let churn: string;
  let subscriptions: string;
  let subscribers: readonly Row[];

  beforeAll(async () => {
    scene = await BatchScene.start({ MODELPLANE_UPLOADED_MODEL_RUN_SECONDS: '2' });
    ({ acme, churn, subscriptions, subscribers } = scene);
  });
  afterAll(() => scene?.stop());

  const put: BatchScene['put'] = (...given) => scene.put(...given);
  const train: BatchScene['train'] = (...given) => scene.train(...given);
  const run: BatchScene['run'] = (request) => scene.run(request);
  const score: BatchScene['score'] = (request) => scene.score(request);
  const single: BatchScene['single'] = (...given) => scene.single(...given);
  const expectEqual: BatchScene['expectEqual'] = (...given) => scene.expectEqual(...given);

  describe('are those of single predictions', () => {
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
      const base = subscribers.slice(0, 40);
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
      const rows = subscribers.map((row, number) => ({
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

    it('with 0 and 1 for booleans and booleans for 0 and 1, of columns that the caller named', async () => {
      // Every customer has a number of its own, and none has ever moved.
      const lines = Array.from({ length: 60 }, (_, at) => {
        const [member, paid, visits] = [at % 3 === 0, at % 2, at % 7];
        return `c-${at},0,${member},${paid},${visits},${member || paid === 1 ? 'yes' : 'no'}`;
      });
      await put('members.csv', ['customer,moves,member,paid,visits,churn', ...lines].join('\n'));
      const feature_columns = ['customer', 'moves', 'member', 'paid', 'visits'];
      const { body } = await acme.post('/api/v1/training', {
        model_name: 'members',
        framework: 'sklearn',
        data_config: { train_path: 's3://data/members.csv', target_column: 'churn', feature_columns },
        hyperparameters: { estimator: 'logistic_regression' },
      });
      const job = (await acme.waitForJob(`/api/v1/training/${body.job_id}`)).body;
      expect(job).toMatchObject({ status: 'succeeded', result: { version: '1.0.0' } });
      expect(job.warnings.join('\n')).toMatch(
        /'customer' looks like an identifier .* because feature_columns/,
      );
      expect(job.warnings.join('\n')).toMatch(/'moves' holds the same value .* because feature_columns/);
      const { signature } = (await acme.get('/api/v1/models/members/versions/1.0.0')).body;
      expect(signature.inputs.map(({ name }: Row) => name)).toEqual(feature_columns);
      expect(signature.ignored).toEqual([]);

      const base = { customer: 'c-7', moves: 0, member: true, paid: 1, visits: 3 };
      const given = [true, false, 1, 0, null, 2, 0.5, 'true', '1'];
      const rows: Row[] = given.flatMap((value) => [
        { ...base, member: value },
        { ...base, paid: value },
        { ...base, moves: value },
        { ...base, visits: value },
      ]);
      await put('members.jsonl', jsonLines(rows));
      const request = { model_id: 'members', max_error_share: 1 };
      await expectEqual(await score({ ...request, input_path: 's3://data/members.jsonl' }), 'members', rows);

      // The same customers, each flag as the other type.
      const numbers = [0, 1].flatMap((member) => [0, 1].map((paid) => ({ ...base, member, paid })));
      const booleans = numbers.map((row) => ({ ...row, member: row.member === 1, paid: row.paid === 1 }));
      const cells = booleans.map(({ member, paid }) => `c-7,0,${member ? 1 : 0},${paid},3`);
      await put('numbers.parquet', await toParquet(numbers));
      await put('booleans.parquet', await toParquet(booleans));
      await put('cells.csv', ['customer,moves,member,paid,visits', ...cells].join('\n'));
      const expected = (await single('members', numbers)).body.prediction;
      expect((await single('members', booleans)).body.prediction).toEqual(expected);
      expect(new Set(expected)).toEqual(new Set(['yes', 'no']));
      for (const name of ['numbers.parquet', 'booleans.parquet', 'cells.csv']) {
        const output = await score({ model_id: 'members', input_path: `s3://data/${name}` });
        expect((await rowsOf(output)).map(({ prediction }) => prediction)).toEqual(expected);
      }
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
        '5;1;platinum;Überweisung;TRUE;last;more',
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
        [4, 1, 'one year', null, null],
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
        { file: 's3://data/cells.csv', row: 6, reason: 'the row has 7 fields instead of 6' },
      ]);
      expect(output.job.warnings).toContainEqual(
        '1 rows have fewer fields than the header; the absent ones count as empty.',
      );
      expect((await rowsOf(output)).map(({ note }) => note)).toEqual(['a;b', 'x\ny', '', '', 'last']);
      expect((await rowsOf(output))[1]).toMatchObject({ 'tenure months': ' 3 ', monthly_charges: 'NA' });
    });
  });

  describe('of a model made elsewhere', () => {
    let files: Map<string, Buffer>;

    beforeAll(async () => {
      files = await makeUploads();
    });

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

    it('equal them with logits', async () => {
      const rows: Row[] = [
        { a: 1, b: 0 },
        { a: 3, b: -2 },
        { a: -1e30, b: 1e30 },
        { a: -1e38, b: 3 },
        { a: 0, b: 0 },
      ];
      await put('logits.jsonl', jsonLines(rows));
      for (const [file, labels] of [
        ['good-logits.onnx', ['one', 'two', 'three']],
        ['good-one-logit.onnx', ['no', 'yes']],
      ] as const) {
        const signature = { features: ['a', 'b'], labels, probabilities: 'logits' };
        const model = await uploaded('classification', file, signature);
        const request = { model_id: model, input_path: 's3://data/logits.jsonl', max_error_share: 0.5 };
        await expectEqual(await score(request), model, rows);
      }
    });

    it('equal them where it breaks its own words', async () => {
      const signature = { features: ['a', 'b'], labels: ['one', 'two', 'three'] };
      const model = await uploaded('classification', 'good-false-for-some.onnx', signature);
      const rows: Row[] = [12344, 12345, 12346, 12347, 12348, 12349].map((a) => ({ a, b: 0 }));
      rows.push({ a: 12345, b: 12345 }, { a: 1, b: 2 });
      await put('false.jsonl', jsonLines(rows));
      const request = { model_id: model, input_path: 's3://data/false.jsonl', max_error_share: 1 };
      const output = await score(request);
      expect(output.errors).toHaveLength(6);
      await expectEqual(output, model, rows);
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
});
