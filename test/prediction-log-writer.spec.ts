import { v7 as newUuid } from 'uuid';
import { LogUpkeep } from '../src/modules/prediction-log/log-upkeep.js';
import { LogWriter } from '../src/modules/prediction-log/recorder/log-writer.js';
import { floorOf } from '../src/modules/prediction-log/request-ids.js';
import { Service } from './support/service.js';

const DAY_MS = 24 * 3600_000;
const MODEL = '550e8400-e29b-41d4-a716-446655440000';

/** An id of so many days ago. */
const idOf = (daysAgo: number) => floorOf(Date.now() - daysAgo * DAY_MS).slice(0, 14) + newUuid().slice(14);

const row = (request_id: string, more: object = {}) => ({
  request_id,
  tenant_id: 'acme-corp',
  model_id: MODEL,
  version: '1.0.0',
  row_count: 1,
  latency_ms: 0.5,
  features: { age: 1 },
  output: { prediction: [1] },
  ...more,
});

describe('the tables of the prediction log', () => {
  let service: Service;
  let writer: LogWriter;
  let refused: string[];

  beforeAll(async () => {
    service = await Service.start({ role: 'all' });
    writer = new LogWriter({ systemUrl: service.database.systemUrl });
  });
  beforeEach(() => (refused = []));
  afterAll(async () => {
    await writer?.close();
    await service?.stop();
  });

  const insert = (...rows: object[]) =>
    writer.insert(rows.map((each) => JSON.stringify(each)).join(','), (reason) =>
      refused.push(reason.message),
    );

  async function stored(): Promise<string[]> {
    const sql = 'select request_id::text as id from prediction_log order by 1';
    return (await service.database.query<{ id: string }>(sql)).map(({ id }) => id);
  }

  const partitions = async () =>
    (
      await service.database.query<{ name: string }>(
        `select relname as name from pg_class where relispartition and relkind = 'r' order by 1`,
      )
    ).map(({ name }) => name);

  const partitionOf = (daysAgo: number) =>
    `prediction_log_${new Date(Date.now() - daysAgo * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '')}`;

  it('should take rows of several tenants at once, and each row once', async () => {
    const rows = [row(newUuid()), row(newUuid(), { tenant_id: 'globex' })];
    await insert(...rows);
    await insert(...rows, row(newUuid()));
    expect(await stored()).toHaveLength(3);
    expect(refused).toEqual([]);
  });

  it('should take every row but those at fault', async () => {
    const before = (await stored()).length;
    const rows = Array.from({ length: 9 }, () => row(newUuid()));
    await insert(...rows.slice(0, 4), row(newUuid(), { row_count: 'many' }), ...rows.slice(4));
    expect(await stored()).toHaveLength(before + 9);
    expect(refused).toEqual([expect.stringContaining('many')]);
  });

  it('should keep how an answer came about, and nothing of it where nothing is said', async () => {
    const [told, untold] = [newUuid(), newUuid()];
    const origin = {
      deployment: 'dep-1',
      arm: 'canary',
      shadow: true,
      ensemble: [{ version: '1.0.0' }],
      entity_keys: { customer_id: 'c-1' },
    };
    await insert(row(told, origin), row(untold));
    const sql = `select deployment, arm, shadow, ensemble, entity_keys from prediction_log where request_id = $1`;
    expect(await service.database.query(sql, [told])).toEqual([origin]);
    const nothing = { deployment: null, arm: null, shadow: null, ensemble: null, entity_keys: null };
    expect(await service.database.query(sql, [untold])).toEqual([nothing]);
  });

  it('should compress large ones by LZ4 where PostgreSQL was built with it', async () => {
    const features = Array.from({ length: 200 }, (_, age) => ({ age }));
    const request_id = newUuid();
    await insert(row(request_id, { features }));
    expect(refused).toEqual([]);
    const query = (sql: string, parameters: unknown[] = []) =>
      service.database.query<{ method: string }>(sql, parameters);
    const [stored] = await query(
      'select pg_column_compression(features) as method from prediction_log where request_id = $1',
      [request_id],
    );
    const [best] = await query(
      `select case when 'lz4' = any(enumvals) then 'lz4' else 'pglz' end as method
       from pg_settings where name = 'default_toast_compression'`,
    );
    expect(stored).toEqual(best);
  });

  it('should have a partition made for rows that waited long, but not for any time at all', async () => {
    const late = idOf(20);
    await insert(row(newUuid()), row(late), row(idOf(4000)));
    expect(await stored()).toContain(late);
    expect(await partitions()).toContain(partitionOf(20));
    expect(refused).toEqual([expect.stringContaining('no partition')]);
  });

  it('should have partitions for the days to come', async () => {
    expect(await partitions()).toEqual(expect.arrayContaining([1, 0, -1, -7].map(partitionOf)));
  });

  it('should be kept as long as the model or the service says', async () => {
    const acme = await service.as('acme-corp');
    const register = async (name: string, settings?: object) => {
      const model = { name, model_type: 'regression', framework: 'onnx' };
      const { model_id } = (await acme.post('/api/v1/models', model)).body;
      if (settings) await acme.put(`/api/v1/models/${model_id}/prediction-log`, settings);
      return model_id as string;
    };
    const [short, long, usual] = [
      await register('short', { retention_days: 2 }),
      await register('long', { retention_days: 90 }),
      await register('usual'),
    ];
    const made = new Map<string, string>();
    for (const [name, model_id, days] of [
      ['short, old', short, 4],
      ['short, new', short, 1],
      ['long, old', long, 95],
      ['long, new', long, 60],
      ['usual, old', usual, 60],
      ['usual, new', usual, 20],
    ] as const) {
      const id = idOf(days);
      made.set(id, name);
      await insert(row(id, { model_id }));
      await service.database.query(
        `insert into prediction_counts values ('acme-corp', $1, now() - make_interval(days => $2), '1.0.0', $3, 1, 1)`,
        [model_id, days, name],
      );
    }
    expect(refused).toEqual([]);
    await service.app.get(LogUpkeep).prune();
    const left = (await stored()).map((id) => made.get(id)).filter(Boolean);
    expect(left.sort()).toEqual(['long, new', 'short, new', 'usual, new']);
    const counts = await service.database.query<{ code: string }>(
      'select code from prediction_counts order by code',
    );
    expect(counts.map(({ code }) => code)).toEqual(['long, new', 'short, new', 'usual, new']);
    expect(await partitions()).not.toContain(partitionOf(95));
    expect(await partitions()).toContain(partitionOf(60));
  });
});
