import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './support/client.js';
import { Service } from './support/service.js';

const BODY = {
  model_name: 'looked at',
  framework: 'sklearn',
  data_config: { train_path: 's3://data/rows.csv', target_column: 'y' },
};
const PATH = '/api/v1/training/validate';

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries === 600) throw new Error('it never came to be');
    await sleep(50);
  }
}

/** No worker runs, so that every look goes on for as long as its caller waits. */
describe('looks at training data', () => {
  let service: Service;
  let acme: Client;
  let globex: Client;

  beforeAll(async () => {
    service = await Service.start({ env: { MODELPLANE_TRAINING_VALIDATION_SECONDS: '600' } });
    acme = await service.as('acme-corp', 'scientist');
    globex = await service.as('globex', 'scientist');
  });
  afterAll(() => service.stop());

  /** A look whose caller hangs up once it is told to, and the status and the seconds of a refusal. */
  function look(
    { url, token }: Client,
    train_path: string,
  ): { hangUp(): void; answer: Promise<[number, number] | 'gone'> } {
    const caller = new AbortController();
    const answer = fetch(url + PATH, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...BODY, data_config: { ...BODY.data_config, train_path } }),
      signal: caller.signal,
    }).then(
      ({ status, headers }): [number, number] => [status, Number(headers.get('retry-after'))],
      () => 'gone' as const,
    );
    return { hangUp: () => caller.abort(), answer };
  }

  async function jobs(tenant: string, status: string): Promise<number> {
    const rows = await service.database.query(`select from jobs where tenant_id = $1 and status = $2`, [
      tenant,
      status,
    ]);
    return rows.length;
  }

  it('of one tenant leave a place for another, wait in bounds, and end with their callers', async () => {
    const flood = Array.from({ length: 30 }, () => look(acme, 's3://tenants/acme-corp/rows.csv'));
    const answers = Promise.all(flood.map(({ answer }) => answer));
    await until(async () => (await jobs('acme-corp', 'submitted')) === 2);
    const refused: ([number, number] | 'gone')[] = [];
    for (const { answer } of flood) void answer.then((end) => refused.push(end));
    await until(async () => refused.length === 20);
    for (const end of refused) expect(end).toEqual([429, expect.any(Number)]);
    expect(refused.every(([, seconds]) => Number(seconds) > 0)).toBe(true);

    const other = look(globex, 's3://tenants/globex/rows.csv');
    await until(async () => (await jobs('globex', 'submitted')) === 1);
    expect(await jobs('acme-corp', 'submitted')).toBe(2);

    flood.forEach(({ hangUp }) => hangUp());
    other.hangUp();
    const ends = await answers;
    expect(ends.filter((end) => end === 'gone')).toHaveLength(10);
    await until(async () => (await jobs('acme-corp', 'cancelled')) === 2);
    await until(async () => (await jobs('globex', 'cancelled')) === 1);
    // The eight that waited were not begun in their turn: a new look has a place at once.
    const next = look(acme, 's3://tenants/acme-corp/rows.csv');
    await until(async () => (await jobs('acme-corp', 'submitted')) === 1);
    expect(await jobs('acme-corp', 'cancelled')).toBe(2);
    next.hangUp();
  });
});

describe('what jobs read', () => {
  let service: Service;

  const limited = async (more: Record<string, string>) => {
    service = await Service.start({
      role: 'all',
      env: {
        MODELPLANE_RATE_LIMIT_PER_MINUTE: '1',
        MODELPLANE_RATE_LIMIT_BURST: '200',
        MODELPLANE_TRAINING_VALIDATION_SECONDS: '600',
        ...more,
      },
    });
    return service.as('acme-corp');
  };
  afterEach(() => service.stop());

  const rows = `x,y\n${Array.from({ length: 100 }, (_, row) => `${row},${row % 2}\n`).join('')}`;

  async function refusal(client: Client): Promise<number> {
    const { status, headers } = await client.get('/api/v1/models');
    expect(status).toBe(429);
    return Number(headers.get('retry-after'));
  }

  it('in a look at the data is paid by its bytes, of which some may be owed', async () => {
    const acme = await limited({ MODELPLANE_TRAINING_VALIDATION_BYTES_PER_TOKEN: '2' });
    await acme.put('/api/v1/objects/data/rows.csv', rows);
    const { status, body } = await acme.post(PATH, BODY);
    expect([status, body.problems]).toEqual([200, []]);
    // 494 bytes are more tokens than a bucket holds, and two requests have taken of it before.
    expect(await refusal(acme)).toBeGreaterThan(60);
    expect((await (await service.as('globex')).get('/api/v1/models')).status).toBe(200);
  });

  it('through a glob is paid by the objects that it walks', async () => {
    const acme = await limited({});
    for (let at = 0; at < 120; at++) await acme.put(`/api/v1/objects/data/many/${at}.csv`, rows);
    const data_config = { ...BODY.data_config, train_path: 's3://data/many/*.parquet' };
    const { status, body } = await acme.post(PATH, { ...BODY, data_config });
    expect([status, body.problems[0].code]).toEqual([200, 'NOT_FOUND']);
    // 121 requests and 120 objects are more than the bucket's 200 tokens.
    expect(await refusal(acme)).toBeGreaterThan(0);
  });
});
