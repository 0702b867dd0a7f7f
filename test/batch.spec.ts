import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BATCH, BatchScene, CUSTOMERS } from './support/batch-scene.js';
import { jsonLines, parseLines, readOutput, type Row, rowsOf, toParquet } from './support/batches.js';
import type { Client } from './support/client.js';
import type { Service } from './support/service.js';

describe('batch predictions', () => {
  let service: Service;
  let scene: BatchScene;
  let acme: Client;
  let churn: string;

  beforeAll(async () => {
    scene = await BatchScene.start();
    ({ service, acme, churn } = scene);
  });
  afterAll(() => scene?.stop());

  const put: BatchScene['put'] = (...given) => scene.put(...given);
  const train: BatchScene['train'] = (...given) => scene.train(...given);
  const run: BatchScene['run'] = (request) => scene.run(request);
  const score: BatchScene['score'] = (request) => scene.score(request);

  const list = async (folder: string) =>
    ((await acme.get(`/api/v1/objects?prefix=s3://${folder}/`)).body.data as Row[]).map(({ uri }) => uri);

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
          request_id: body.job_id.replace('batch-', 'req-'),
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

  describe('input', () => {
    it('may be a folder or a glob, in the order of the names', async () => {
      for (const [number, name] of ['in/b.jsonl', 'in/a.jsonl', 'in/_skipped.jsonl'].entries()) {
        await put(name, jsonLines(CUSTOMERS.map((row, at) => ({ id: number * 10 + at, ...row }))));
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
      await put('around/rows.jsonl', jsonLines([...CUSTOMERS]));
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
        JSON.stringify({ id: 1, tags: ['a'], vip: true, ...CUSTOMERS[0] }),
        '{"id": 2, broken',
        '',
        JSON.stringify({ id: 3, vip: null, ...CUSTOMERS[0] }),
        JSON.stringify({ id: 'four', ...CUSTOMERS[0] }),
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
      await put('notes.jsonl', jsonLines(notes.map((note) => ({ note, ...CUSTOMERS[0] }))));
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

    it.each([
      ['jsonl', async (rows: Row[]) => jsonLines(rows)],
      [
        'csv',
        async (rows: Row[]) =>
          [Object.keys(rows[0]!), ...rows.map(Object.values)].map((cells) => `${cells.join()}\n`).join(''),
      ],
      ['parquet', async (rows: Row[]) => toParquet(rows)],
    ])('is not there where too many rows of %s failed, but for what was wrong', async (format, write) => {
      await put(`bad.${format}`, await write([...CUSTOMERS, { ...CUSTOMERS[0], avg_order_value: 1e300 }]));
      const request = { model_id: churn, input_path: `s3://data/bad.${format}` };
      const { folder, job } = await run(request);
      expect(job).toMatchObject({
        status: 'failed',
        error: {
          code: 'TOO_MANY_ERRORS',
          message: expect.stringMatching(
            /^1 of 3 rows cannot be scored, more than max_error_share allows \(0\.1\), such as row \d of .+: .+\.$/,
          ),
        },
        result: null,
      });
      await until(async () => (await list(folder)).length === 1);
      const [errors] = (await list(folder)) as [string];
      expect(errors).toContain('/errors/part-00000-batch-');
      const content = (await acme.get(`/api/v1/objects/${errors.slice('s3://'.length)}`)).body;
      expect(parseLines(content)).toMatchObject([
        { row: 2, reason: expect.stringContaining('avg_order_value') },
      ]);
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
      for (const change of [{ model_id: absent }, { model_id: 'no such model' }, { version: '9.9.9' }]) {
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
