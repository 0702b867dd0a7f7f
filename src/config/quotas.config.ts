import { Env, integer } from './environment.js';

/** What tenants may keep, in bytes. */
export class QuotasConfig {
  @Env(
    'MODELPLANE_QUOTA_BYTES',
    integer(0, 2 ** 50),
    'Bytes that a tenant may keep: objects, artifacts and logged predictions together; 0: no quota.',
  )
  bytes = 20 * 2 ** 30;

  @Env(
    'MODELPLANE_MIN_FREE_DISK_BYTES',
    integer(0, 2 ** 42),
    'Tenants write nothing to a folder of objects whose disk has less than this left: PostgreSQL and logs need room.',
  )
  minFreeDiskBytes = 256 * 2 ** 20;
}
