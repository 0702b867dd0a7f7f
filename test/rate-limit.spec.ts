import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Client } from './support/client.js';
import { required, Service } from './support/service.js';
import { TcpProxy } from './support/tcp-proxy.js';

/** One token a minute comes back: within a test the limit is what the bucket holds. */
const limit = (burst: number, more = {}) => ({
  MODELPLANE_RATE_LIMIT_PER_MINUTE: '1',
  MODELPLANE_RATE_LIMIT_BURST: String(burst),
  ...more,
});

const list = (client: Client) => client.get('/api/v1/models');
const statuses = (answers: Answer[]) => answers.map(({ status }) => status);
const allowed = (answers: Answer[]) => answers.filter(({ status }) => status === 200).length;

function remaining({ headers }: Answer): number {
  const [, left] = /^"tenant";r=(\d+);t=\d+$/.exec(headers.get('ratelimit') ?? '') ?? [];
  return Number(left);
}

describe('the rate limit', () => {
  const services: Service[] = [];

  async function start(options: Parameters<typeof Service.start>[0]): Promise<Service> {
    const service = await Service.start(options);
    services.unshift(service);
    return service;
  }

  afterEach(async () => {
    for (const service of services.splice(0)) await service.stop();
  });

  it('should let through what the bucket holds, and say in each answer what is left', async () => {
    const acme = await (await start({ env: limit(5) })).as('acme-corp');
    const answers: Answer[] = [];
    for (let at = 0; at < 7; at++) answers.push(await list(acme));
    expect(statuses(answers)).toEqual([200, 200, 200, 200, 200, 429, 429]);
    expect(answers.map(remaining)).toEqual([4, 3, 2, 1, 0, 0, 0]);
    for (const { headers } of answers) expect(headers.get('ratelimit-policy')).toBe('"tenant";q=5;w=300');
    const refused = answers[5] as Answer;
    expect(refused.body).toMatchObject({ code: 'RATE_LIMITED', status: 429 });
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(60);
  });

  it('should let through exactly as much at two processes together', async () => {
    const one = await start({ env: limit(100) });
    const other = await start({ beside: one });
    const clients = [await one.as('acme-corp'), await other.as('acme-corp')] as const;
    const answers: Answer[] = [];
    for (let round = 0; round < 15; round++) {
      answers.push(...(await Promise.all([...Array(10)].map((_, at) => list(clients[at % 2] as Client)))));
    }
    expect(allowed(answers)).toBe(100);
    expect(new Set(statuses(answers))).toEqual(new Set([200, 429]));
  });

  it('should give back what a process leased and did not spend', async () => {
    const one = await start({ env: limit(40) });
    const other = await start({ beside: one });
    const [first, second] = [await one.as('acme-corp'), await other.as('acme-corp')];
    // It has the second token of its lease now.
    expect((await list(first)).status).toBe(200);
    let through = 1;
    for (let quiet = 0; quiet < 40; quiet++) {
      const { status } = await list(second);
      if (status === 200) [through, quiet] = [through + 1, 0];
      else await sleep(50);
    }
    expect(through).toBe(40);
  });

  it('should fill the bucket again', async () => {
    const env = limit(3, { MODELPLANE_RATE_LIMIT_PER_MINUTE: '120' });
    const acme = await (await start({ env })).as('acme-corp');
    let answer = await list(acme);
    while (answer.status === 200) answer = await list(acme);
    expect(answer.headers.get('retry-after')).toBe('1');
    await sleep(1000);
    expect((await list(acme)).status).toBe(200);
  });

  it('should be of each tenant apart, and of no public route', async () => {
    const service = await start({ env: limit(2) });
    const [acme, globex] = [await service.as('acme-corp'), await service.as('globex')];
    for (let at = 0; at < 3; at++) await list(acme);
    expect((await list(acme)).status).toBe(429);
    expect((await list(globex)).status).toBe(200);
    const health = await service.with(undefined).get('/healthcheck/live');
    expect([health.status, health.headers.get('ratelimit')]).toEqual([200, null]);
  });

  it('should count a prediction by its rows, whether it succeeds or not', async () => {
    const acme = await (await start({ env: limit(100) })).as('acme-corp');
    const predict = (rows: number) =>
      acme.post('/api/v1/predictions', { model_id: 'none', features: Array(rows).fill({ a: 1 }) });
    const first = await predict(60);
    expect([first.status, remaining(first)]).toEqual([404, 40]);
    const second = await predict(60);
    expect([second.status, second.body.code]).toEqual([429, 'RATE_LIMITED']);
    expect([(await predict(40)).status, (await predict(1)).status]).toEqual([404, 429]);
  });

  it('should cost the whole bucket, not be refused for ever, where it costs more than that', async () => {
    const acme = await (await start({ env: limit(10) })).as('acme-corp');
    const features = Array(500).fill({ a: 1 });
    const answer = await acme.post('/api/v1/predictions', { model_id: 'none', features });
    expect([answer.status, remaining(answer)]).toEqual([404, 0]);
  });

  it('should be off where it is configured so', async () => {
    const env = limit(1, { MODELPLANE_RATE_LIMIT_PER_MINUTE: '0' });
    const acme = await (await start({ env })).as('acme-corp');
    const answers = [await list(acme), await list(acme), await list(acme)];
    expect(statuses(answers)).toEqual([200, 200, 200]);
    expect(answers[0]?.headers.get('ratelimit')).toBeNull();
  });

  it("should be this process's share while Redis is away, and shared again when it is back", async () => {
    const redis = await TcpProxy.to(required('MODELPLANE_TEST_REDIS_URL'));
    try {
      const service = await start({
        env: limit(20, { REDIS_URL: redis.through(), MODELPLANE_RATE_LIMIT_PROCESSES: '4' }),
      });
      const acme = await service.as('acme-corp');
      const isLocal = async () => {
        const { body } = await service.with(undefined).get('/metrics');
        return /^modelplane_rate_limit_local (\d)$/m.exec(String(body))?.[1];
      };
      expect(remaining(await list(acme))).toBe(19);
      expect(await isLocal()).toBe('0');

      await redis.cut();
      // What is left of the lease, at most one token, may still be spent.
      const answers: Answer[] = [];
      for (let at = 0; at < 12; at++) answers.push(await list(acme));
      expect([5, 6]).toContain(allowed(answers));
      expect(await isLocal()).toBe('1');

      await redis.restore();
      let answer = await list(acme);
      for (let tries = 0; answer.status !== 200 && tries < 200; tries++) {
        await sleep(50);
        answer = await list(acme);
      }
      expect(remaining(answer)).toBeGreaterThan(10);
      expect(await isLocal()).toBe('0');
    } finally {
      for (const service of services.splice(0)) await service.stop();
      await redis.cut();
    }
  });
});
