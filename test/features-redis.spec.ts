import { FeaturesConfig, RedisConfig, RuntimeConfig } from '../src/config/index.js';
import { OnlineStore } from '../src/modules/features/online/online-store.js';
import { AppLogger } from '../src/platform/observability/logger.js';
import { defineCustomers } from './support/features.js';
import { OwnRedis } from './support/own-redis.js';
import { Service } from './support/service.js';

describe('the Redis of features', () => {
  let redis: OwnRedis;
  afterEach(() => redis?.stop());

  /** Starts what a process of this environment starts, and ends it. */
  async function open(environment: RuntimeConfig['environment']): Promise<void> {
    const runtime = Object.assign(new RuntimeConfig(), { environment, logLevel: 'silent' });
    const config = Object.assign(new FeaturesConfig(), { redisUrl: redis.url });
    const store = new OnlineStore(config, new RedisConfig(), runtime, new AppLogger(runtime));
    await store.onModuleInit().finally(() => store.onModuleDestroy());
  }

  it('should stop the start of a production where it evicts, and say what to do', async () => {
    redis = await OwnRedis.start('--maxmemory', '100mb', '--maxmemory-policy', 'volatile-lru');
    await expect(open('production')).rejects.toThrow(
      /evicts \(maxmemory-policy volatile-lru\).*set maxmemory-policy noeviction, or .*MODELPLANE_FEATURES_REDIS_URL/,
    );
    await open('development');
  });

  it.each([
    ['--maxmemory', '0', '--maxmemory-policy', 'allkeys-lru'],
    ['--maxmemory', '100mb', '--maxmemory-policy', 'noeviction'],
  ])('should be taken where it cannot evict: %s %s %s %s', async (...settings) => {
    redis = await OwnRedis.start(...settings);
    await open('production');
  });

  it('should have on disk what a push was told to be written, whatever kills it', async () => {
    redis = await OwnRedis.start('--appendonly', 'yes', '--appendfsync', 'everysec');
    const service = await Service.start({ env: { MODELPLANE_FEATURES_REDIS_URL: redis.url } });
    const client = await service.as('acme-corp');
    await defineCustomers(client);
    const row = (at: number) => ({
      customer_id: `c${at}`,
      event_timestamp: '2026-02-12T10:00:00Z',
      total_orders: at,
      avg_order_value: 1,
      days_since_last_order: 1,
    });
    const push = (at: number) =>
      client.post('/api/v1/features/push', { view: 'customer_features', rows: [row(at)] });
    // Some of them share a wait for the file.
    const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => push(at)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    await redis.kill();
    expect((await push(0)).status).toBe(503);
    await redis.run();
    const read = async () =>
      client.post('/api/v1/features/online', {
        feature_refs: ['customer_features:total_orders'],
        entity_rows: answers.map((_, at) => ({ customer_id: `c${at}` })),
      });
    let found = await read();
    while (found.status === 503) found = await read();
    expect(found.body.results.map(({ total_orders: orders }: { total_orders: number }) => orders)).toEqual(
      answers.map((_, at) => at),
    );
    await service.stop();
  });
});
