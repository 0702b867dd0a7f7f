import { Env, text, url } from './environment.js';

/** Redis, or a server that speaks its protocol: it wakes workers and holds nothing that is not in PostgreSQL too. */
export class RedisConfig {
  @Env('REDIS_URL', url, 'Redis 6.2 or newer, or Valkey.')
  url = '';

  @Env('MODELPLANE_REDIS_PREFIX', text, 'First part of every key.')
  prefix = 'modelplane';
}
