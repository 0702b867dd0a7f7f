import { Env, integer, url } from './environment.js';

/** Online features. */
export class FeaturesConfig {
  @Env(
    'MODELPLANE_FEATURES_REDIS_URL',
    url,
    'Redis 6.2 or newer, or Valkey, that holds the online values of features; by default that of REDIS_URL. It must not evict (maxmemory-policy noeviction), and should keep an append-only file.',
  )
  redisUrl = '';

  @Env(
    'MODELPLANE_FEATURES_REDIS_TIMEOUT_MS',
    integer(10, 60_000),
    'Longest that a request waits for an answer of it; past that it is answered with 503 FEATURES_UNAVAILABLE.',
  )
  redisTimeoutMs = 1000;

  @Env(
    'MODELPLANE_FEATURES_DURABLE_TIMEOUT_MS',
    integer(100, 60_000),
    'Longest that a push waits for its rows to be in the append-only file, where there is one.',
  )
  durableTimeoutMs = 5000;

  @Env(
    'MODELPLANE_FEATURES_MAX_ROWS',
    integer(1, 100_000),
    'Entity rows of one request, and rows of one push.',
  )
  maxRows = 1000;

  @Env(
    'MODELPLANE_FEATURES_MAX_VALUES',
    integer(1, 10_000_000),
    'Values of one answer: its entity rows times its features.',
  )
  maxValues = 100_000;
}
