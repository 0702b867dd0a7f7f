import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Redis } from 'ioredis';
import { FeaturesConfig, RedisConfig, RuntimeConfig } from '../../../config/index.js';
import { PROJECT_ROOT } from '../../../config/project.js';
import { Problem } from '../../../platform/errors/problem.js';
import { AppLogger } from '../../../platform/observability/logger.js';
import { withinTime } from '../../../platform/observability/within-time.js';

/** Writes a value unless a newer one is there; the trainer runs the same file. */
const WRITE = readFileSync(join(PROJECT_ROOT, 'contracts', 'feature-write.v1.lua'), 'utf8');

declare module 'ioredis' {
  interface RedisCommander {
    writeFeatures(key: string, value: string, forgetAt: string): Promise<0 | 1 | 2>;
  }
}

/** A value as `formatOnlineValue` makes it, and where it goes. */
export interface KeyedValue {
  readonly key: string;
  readonly value: string;
  /** Milliseconds since 1970 at which Redis may forget it; 0 for never. */
  readonly forgetAt: number;
}

const OUTCOMES = ['kept_newer', 'replaced', 'written'] as const;

/** What became of a value: none was there, it took the place of one, or a newer one is there. */
export type WriteOutcome = (typeof OUTCOMES)[number];

export interface Written {
  /** One a value; null where Redis did not take it, or did not say so. */
  readonly outcomes: readonly (WriteOutcome | null)[];
  /** Whether Redis took all of them, and says that they are in its append-only file, if it keeps one. */
  readonly isDurable: boolean;
}

/** Keys of one command: Redis answers nobody else meanwhile, for a fraction of a millisecond. */
const KEYS_AT_ONCE = 1000;
/** Requests of up to so many keys go together. */
const KEYS_TOGETHER = 100;

/** What is asked for in this turn of the event loop. */
interface Batch {
  readonly keys: string[];
  readonly texts: Promise<(string | null)[]>;
}
/** Redis policies under which values go that nobody deleted all begin otherwise. */
const KEEPS_ALL = 'noeviction';

/** The online values of features in Redis: one text an entity and version of a view. */
@Injectable()
export class OnlineStore implements OnModuleInit, OnModuleDestroy {
  private readonly reader: Redis;
  private readonly writer: Redis;
  /** Waits for the append-only file, and nothing else, since a connection that waits answers nothing. */
  private readonly waiter: Redis;
  private batch?: Batch;
  private hasAppendOnlyFile = false;
  /** The wait that is under way; it never rejects. */
  private waiting: Promise<unknown> = Promise.resolve();
  /** The wait that begins when the one under way has ended. */
  private next?: Promise<true>;
  /** How often the connection that writes was lost. */
  private losses = 0;

  constructor(
    private readonly config: FeaturesConfig,
    private readonly redis: RedisConfig,
    private readonly runtime: RuntimeConfig,
    private readonly logger: AppLogger,
  ) {
    const { redisUrl, redisTimeoutMs } = config;
    const options = {
      lazyConnect: true,
      // A command that cannot be sent now fails now.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      connectTimeout: 2000,
      retryStrategy: (tries: number) => Math.min(tries * 50, 1000),
    };
    this.reader = new Redis(redisUrl, { ...options, commandTimeout: redisTimeoutMs });
    this.writer = new Redis(redisUrl, { ...options, commandTimeout: redisTimeoutMs });
    this.writer.defineCommand('writeFeatures', { numberOfKeys: 1, lua: WRITE });
    this.writer.on('close', () => this.losses++);
    this.waiter = new Redis(redisUrl, options);
    for (const connection of this.connections)
      // What fails says so itself.
      connection.on('error', () => undefined);
  }

  /** @throws Error in production where Redis evicts */
  async onModuleInit(): Promise<void> {
    await Promise.all(this.connections.map((connection) => connection.connect().catch(() => undefined)));
    if (this.reader.status === 'ready') await this.inspect();
    else this.logger.warn('the Redis of features is unreachable');
    this.reader.on('ready', () => {
      this.inspect().catch((error: unknown) => this.logger.failure('the Redis of features is unfit', error));
    });
  }

  onModuleDestroy(): void {
    for (const connection of this.connections) connection.disconnect();
  }

  /** What the keys of a version of a view begin with: all before the text of the entity. */
  keyPrefix(tenant: string, onlineId: number): string {
    return `${this.redis.prefix}:${tenant}:features:${onlineId}:`;
  }

  /**
   * The texts under the keys, null where there is none; one round trip. What is asked for in one turn of the event loop
   * goes in one command, since to send and to take in a command costs more than a key of it.
   * @throws Problem 503 where Redis is away or takes too long
   */
  async read(keys: readonly string[]): Promise<(string | null)[]> {
    if (keys.length === 0) return [];
    try {
      if (keys.length > KEYS_TOGETHER) return await this.readAlone(keys);
      const batch = this.batchFor(keys.length);
      const from = batch.keys.length;
      for (const key of keys) batch.keys.push(key);
      return (await batch.texts).slice(from, from + keys.length);
    } catch (error) {
      this.logger.warn('online features could not be read', { reason: (error as Error).message });
      throw unavailable('The online values of features cannot be read now; try again.');
    }
  }

  private async readAlone(keys: readonly string[]): Promise<(string | null)[]> {
    const commands = [];
    for (let from = 0; from < keys.length; from += KEYS_AT_ONCE)
      commands.push(this.reader.mget(keys.slice(from, from + KEYS_AT_ONCE)));
    return (await Promise.all(commands)).flat();
  }

  private batchFor(more: number): Batch {
    if (this.batch && this.batch.keys.length + more <= KEYS_AT_ONCE) return this.batch;
    const keys: string[] = [];
    const texts = new Promise<(string | null)[]>((resolve, reject) => {
      setImmediate(() => {
        if (this.batch === batch) this.batch = undefined;
        this.reader.mget(keys).then(resolve, reject);
      });
    });
    const batch = { keys, texts };
    return (this.batch = batch);
  }

  /** Writes values in their order, and waits until they are in the append-only file. Never rejects. */
  async write(values: readonly KeyedValue[]): Promise<Written> {
    const { losses } = this;
    const outcomes = await this.send(values);
    const isSettled = await this.settle().catch((error: Error) => this.warnOfWrite(error));
    // A server that died meanwhile and came back has in its file what it had there, not what it had said.
    const isDurable = isSettled && losses === this.losses && outcomes.every((outcome) => outcome !== null);
    return { outcomes, isDurable };
  }

  /**
   * Deletes keys, and waits until that is in the append-only file.
   * @returns how many of them there were
   * @throws Problem 503 where Redis is away, takes too long, or does not say that it is in the file
   */
  async remove(keys: readonly string[]): Promise<number> {
    try {
      let removed = 0;
      for (let from = 0; from < keys.length; from += KEYS_AT_ONCE)
        removed += await this.writer.unlink(...keys.slice(from, from + KEYS_AT_ONCE));
      if (removed > 0) await this.settle();
      return removed;
    } catch (error) {
      this.logger.warn('online features could not be deleted', { reason: (error as Error).message });
      throw unavailable('The online values of features cannot be deleted now; try again.');
    }
  }

  /**
   * All keys that begin with `prefix`, some more than once, while Redis goes through all that it holds.
   * @throws Problem 503 as `read`
   */
  async *keysBehind(prefix: string): AsyncGenerator<string[], void, undefined> {
    const pattern = `${prefix.replace(/[\\*?[\]]/g, '\\$&')}*`;
    for (let cursor = '0'; ;) {
      const [next, keys] = await this.reader
        .scan(cursor, 'MATCH', pattern, 'COUNT', KEYS_AT_ONCE)
        .catch((error: Error) => {
          this.logger.warn('keys of online features could not be read', { reason: error.message });
          throw unavailable('The online values of features cannot be read now; try again.');
        });
      if (keys.length > 0) yield keys;
      if ((cursor = next) === '0') return;
    }
  }

  private async send(values: readonly KeyedValue[]): Promise<(WriteOutcome | null)[]> {
    if (this.writer.status !== 'ready') return values.map(() => null);
    const pipeline = this.writer.pipeline();
    for (const { key, value, forgetAt } of values) void pipeline.writeFeatures(key, value, String(forgetAt));
    const results = (await pipeline.exec().catch(() => null)) ?? [];
    const failed = results.find(([error]) => error !== null);
    if (failed) this.warnOfWrite(failed[0]!);
    return values.map((_, at) => {
      const [error, code] = results[at] ?? [true, null];
      return error ? null : OUTCOMES[code as 0 | 1 | 2];
    });
  }

  private warnOfWrite({ message }: Error): false {
    this.logger.warn('online features could not be written', { reason: message });
    return false;
  }

  /**
   * Resolves once what was written before is in the append-only file, where Redis keeps one. All that ask meanwhile share
   * the next wait, since a file that is synced once a second has each take a second.
   * @throws Error where Redis does not say so in time
   */
  private settle(): Promise<true> {
    if (!this.hasAppendOnlyFile) return Promise.resolve(true);
    this.next ??= this.waiting.then(() => {
      this.next = undefined;
      const wait = this.waitForFile();
      this.waiting = wait.catch(() => undefined);
      return wait;
    });
    return this.next;
  }

  private async waitForFile(): Promise<true> {
    const { durableTimeoutMs, redisTimeoutMs } = this.config;
    // WAITAOF waits for what its own connection wrote; a write behind those of others waits for them too.
    const pipeline = this.waiter.pipeline();
    pipeline.set(`${this.redis.prefix}:features:settled`, Date.now());
    pipeline.call('WAITAOF', 1, 0, durableTimeoutMs);
    const results = await withinTime(pipeline.exec(), durableTimeoutMs + redisTimeoutMs);
    for (const [error] of results ?? []) if (error) throw error;
    const [local] = results?.[1]?.[1] as [number, number];
    if (local < 1) throw new Error(`the append-only file is behind by more than ${durableTimeoutMs} ms`);
    return true;
  }

  private get connections(): Redis[] {
    return [this.reader, this.writer, this.waiter];
  }

  /** @throws Error in production where Redis evicts */
  private async inspect(): Promise<void> {
    const facts = new Map(
      (await this.reader.info()).split('\r\n').map((line) => line.split(':', 2) as [string, string]),
    );
    const isRecent = /^(7\.[2-9]|[89]\.|\d\d)/.test(
      facts.get('valkey_version') ?? facts.get('redis_version') ?? '',
    );
    this.hasAppendOnlyFile = facts.get('aof_enabled') === '1' && isRecent;
    const policy = facts.get('maxmemory_policy') ?? KEEPS_ALL;
    if (facts.get('maxmemory') === '0' || policy === KEEPS_ALL) return;
    const fault = `the Redis of features evicts (maxmemory-policy ${policy}), and with it features that then read as missing: set maxmemory-policy noeviction, or name another Redis in MODELPLANE_FEATURES_REDIS_URL`;
    if (this.runtime.isProduction) throw new Error(fault);
    this.logger.warn(fault);
  }
}

function unavailable(detail: string): Problem {
  return new Problem('FEATURES_UNAVAILABLE', detail, { headers: { 'Retry-After': '1' } });
}
