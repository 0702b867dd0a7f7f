import { gzipSync } from 'node:zlib';
import { jsonLines, readOutput, type Row, rowsOf, toParquet } from './support/batches.js';
import type { Client } from './support/client.js';
import { Service } from './support/service.js';

const BATCH = '/api/v1/predictions/batch';
const ROWS = 60;
const PLANS = ['free', 'gold', 'basic'];

/** Rows whose target follows from `plan`. */
function plans(more: (row: number) => Row = () => ({})): Row[] {
  return Array.from({ length: ROWS }, (_, row) => {
    const plan = PLANS[row % 3];
    return { price: row / 4, plan, ...more(row), y: plan === 'gold' ? 1 : 0 };
  });
}

function csv(
  rows: readonly Row[],
  { separator = ',', end = '\n', before = '', quote = '', after = '' } = {},
) {
  const cell = (value: unknown) =>
    typeof value === 'string' ? `${before}${quote}${value}${quote}` : String(value);
  const lines = [Object.keys(rows[0]!), ...rows.map((row) => Object.values(row).map(cell))];
  return lines.map((line) => line.join(separator) + after).join(end) + end;
}

describe('one reading of a file', () => {
  let service: Service;
  let acme: Client;
  let count = 0;

  beforeAll(async () => {
    service = await Service.start({ role: 'all' });
    acme = await service.as('acme-corp', 'scientist');
  }, 60_000);
  afterAll(() => service?.stop());

  async function put(name: string, content: string | Buffer): Promise<void> {
    expect((await acme.put(`/api/v1/objects/data/${name}`, content)).status).toBe(200);
  }

  function request(path: string, change: object = {}) {
    return {
      model_name: `reading ${++count}`,
      framework: 'sklearn',
      data_config: { train_path: `s3://data/${path}`, target_column: 'y', ...change },
      hyperparameters: { estimator: 'hist_gradient_boosting', min_samples_leaf: 5 },
    };
  }

  async function train(path: string, change: object = {}): Promise<Row> {
    const { body } = await acme.post('/api/v1/training', request(path, change));
    const { body: job } = await acme.waitForJob(`/api/v1/training/${body.job_id}`);
    expect(job).toMatchObject({ status: 'succeeded', error: null });
    return job;
  }

  async function score(model_id: string, path: string): Promise<Row> {
    const output_path = `s3://predictions/reading-${++count}/`;
    const input = { model_id, input_path: `s3://data/${path}`, output_path, max_error_share: 1 };
    const { body } = await acme.post(BATCH, input);
    const { body: job } = await acme.waitForJob(`${BATCH}/${body.job_id}`);
    return { ...job, folder: output_path.slice('s3://'.length, -1) };
  }

  /** Trains on a file, scores it, asks for each row singly: the same answers, and the target's own. */
  async function expectOneReading(path: string, rows: readonly Row[], change: object = {}): Promise<Row> {
    const trained = await train(path, change);
    const { model_id } = trained.result as { model_id: string };
    const scored = await score(model_id, path);
    expect(scored).toMatchObject({ status: 'succeeded' });
    const found = await rowsOf(await readOutput(acme, scored.folder as string));
    const features = rows.map(({ y: _, ...rest }) => rest);
    const { status, body } = await acme.post('/api/v1/predictions', { model_id, features });
    expect({ status, errors: body.errors }).toEqual({ status: 200, errors: undefined });
    expect(found.map(({ prediction }) => prediction)).toEqual(body.prediction);
    expect(body.prediction).toEqual(rows.map(({ y }) => y));
    return trained;
  }

  it.each([
    ['with spaces before quotes', csv(plans(), { before: ' ', quote: '"' })],
    ['with old line ends', csv(plans(), { end: '\r' })],
    ['with a separator at the end of each row', csv(plans(), { separator: ';', after: ';' })],
    ['of pipes below a blank line', `\n${csv(plans(), { separator: '|' })}`],
    ['in UTF-16', Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(csv(plans()), 'utf16le')])],
  ])('of CSV %s', async (_, content) => {
    await put('one.csv', content);
    await expectOneReading('one.csv', plans());
  });

  it('of a Hive folder, whose names are columns', async () => {
    for (const plan of PLANS) {
      const rows = plans().filter((row) => row.plan === plan);
      await put(`hive/plan=${plan}/part-0.parquet`, await toParquet(rows.map(({ plan: _, ...row }) => row)));
    }
    const rows = ['basic', 'free', 'gold'].flatMap((plan) => plans().filter((row) => row.plan === plan));
    await expectOneReading('hive/', rows);
  });

  it('of zip codes, which stay text, in labels too', async () => {
    const zip = (row: Row): Row => ({
      zip: `0${1000 + PLANS.indexOf(row.plan as string)}`,
      y: `0${row.y as number}`,
    });
    const rows = plans().map(zip);
    await put('zip.jsonl', jsonLines(rows));
    await expectOneReading('zip.jsonl', rows);
    await put('zip.csv', csv(rows));
    await expectOneReading('zip.csv', rows, { feature_types: { y: 'category' } });
  });

  it('of JSON lines whose rows lack keys and hold words for missing values', async () => {
    const rows = plans((row) => ({
      ...(row % 5 ? { visits: row } : {}),
      spent: row % 7 ? row / 2 : 'NA',
      seen: row % 11 ? `2024-01-${String((row % 28) + 1).padStart(2, '0')}` : '0000-00-00',
      is_member: row % 2 ? row % 3 === 0 : Number(row % 3 === 0),
    }));
    await put('words.jsonl', jsonLines(rows));
    const { warnings } = await expectOneReading('words.jsonl', rows);
    for (const cell of ['"NA" in row 0', '"0000-00-00" in row 0']) {
      expect(warnings).toContainEqual(expect.stringContaining(`${cell} of words.jsonl`));
    }
  });

  it('of amounts and words for missing values, which a single prediction writes as JSON does', async () => {
    const rows = plans((row) => ({ amount: row === 7 ? null : row * 1000.5 }));
    const written = rows.map((row) => ({
      ...row,
      amount: row.amount === null ? '#N/A' : `${(row.amount as number).toLocaleString('de-DE')} €`,
    }));
    await put('amounts.csv', csv(written, { separator: ';' }));
    const { warnings, result } = await expectOneReading('amounts.csv', rows);
    expect(warnings).toContainEqual(expect.stringContaining('"#N/A" in row 7 of amounts.csv'));
    const features = { price: 1, plan: 'gold', amount: '12,5' };
    const { model_id } = result as { model_id: string };
    const refused = await acme.post('/api/v1/predictions', { model_id, features });
    expect(refused.body).toMatchObject({ status: 422, errors: [{ pointer: '/features/amount' }] });
  });

  it('of what is no such file at all, by its name, in training, its check and a batch', async () => {
    const trained = await train('one.csv');
    await put('packed.csv', gzipSync(csv(plans())));
    const message = 'packed.csv is not CSV but a gzip archive; unpack it first.';
    const { body } = await acme.post('/api/v1/training', request('packed.csv'));
    const failed = (await acme.waitForJob(`/api/v1/training/${body.job_id}`)).body;
    expect(failed.error).toMatchObject({ code: 'DATA_UNREADABLE', message });
    const checked = await acme.post('/api/v1/training/validate', request('packed.csv'));
    expect(checked.body.problems).toEqual([expect.objectContaining({ code: 'DATA_UNREADABLE', message })]);
    const { error } = await score((trained.result as { model_id: string }).model_id, 'packed.csv');
    expect(error).toMatchObject({ code: 'DATA_UNREADABLE', message });
  });

  it('names a column or a type that feature_types cannot mean', async () => {
    await put('one.csv', csv(plans()));
    for (const [feature_types, text] of [
      [{ plam: 'number' }, "no column 'plam' (did you mean 'plan'?)"],
      [{ plan: 'time' }, "says time for column 'plan'"],
    ] as const) {
      const { body } = await acme.post('/api/v1/training', request('one.csv', { feature_types }));
      const { error } = (await acme.waitForJob(`/api/v1/training/${body.job_id}`)).body;
      expect(error.message).toContain(text);
    }
  });
});
