import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Redis } from 'ioredis';
import { RateLimitConfig, RedisConfig } from '../../config/index.js';

/**
 * KEYS[1] the bucket. ARGV: size, tokens a second, tokens needed, tokens wanted, tokens given back. Grants what is
 * wanted or what there is, and nothing where that is less than needed. Answers the grant and what is left. Fewer than
 * none given back are a debt, of a bucket at most.
 * The server's clock alone counts, so that processes need not agree on the time.
 */
const LEASE = `
local size, rate, needed, wanted, returned =
  tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local state = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(state[1]) or size, tonumber(state[2]) or now
tokens = math.max(-size, math.min(size, tokens + math.max(0, now - at) * rate + returned))
local granted = 0
if tokens >= needed then granted = math.max(0, math.floor(math.min(tokens, wanted))) end
tokens = tokens - granted
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.6f', math.max(at, now)))
redis.call('PEXPIRE', KEYS[1], math.ceil(2 * size / rate * 1000) + 1000)
return {granted, string.format('%.6f', tokens)}
`;

export interface Grant {
  granted: number;
  left: number;
}

declare module 'ioredis' {
  interface RedisCommander {
    leaseTokens(key: string, ...numbers: number[]): Promise<[number, string]>;
  }
}

/** Past this Redis counts as away: a caller must not wait for it. */
const TIMEOUT_MS = 1000;

/** The token buckets of all tenants, in Redis, where every process draws from the same ones. */
@Injectable()
export class SharedBuckets implements OnModuleInit, OnModuleDestroy {
  private readonly redis: Redis;
  private awayUntil = 0;

  constructor(
    private readonly config: RateLimitConfig,
    private readonly redisConfig: RedisConfig,
  ) {
    this.redis = new Redis(redisConfig.url, {
      lazyConnect: true,
      // A command that cannot be sent now fails now.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      commandTimeout: TIMEOUT_MS,
      connectTimeout: 2000,
      retryStrategy: (tries) => Math.min(tries * 50, 1000),
    });
    this.redis.defineCommand('leaseTokens', { numberOfKeys: 1, lua: LEASE });
    // What fails says so itself.
    this.redis.on('error', () => undefined);
  }

  async onModuleInit(): Promise<void> {
    if (this.config.perMinute > 0) await this.redis.connect().catch(() => undefined);
  }

  onModuleDestroy(): void {
    this.redis.disconnect();
  }

  get isAway(): boolean {
    return this.redis.status !== 'ready' || performance.now() < this.awayUntil;
  }

  async lease(tenant: string, needed: number, wanted: number, returned: number): Promise<Grant> {
    const { burst, perMinute } = this.config;
    const key = `${this.redisConfig.prefix}:${tenant}:rate-limit`;
    try {
      const [granted, left] = await this.redis.leaseTokens(
        key,
        burst,
        perMinute / 60,
        needed,
        wanted,
        returned,
      );
      return { granted, left: Number(left) };
    } catch (error) {
      this.awayUntil = performance.now() + 1000;
      throw error;
    }
  }
}
