import { Env, integer, url } from './environment.js';

/** PostgreSQL. Neither role owns a table or passes row-level security. */
export class DatabaseConfig {
  @Env('DATABASE_URL', url, 'Login of the role modelplane_app, which sees one tenant at a time.')
  url = '';

  @Env(
    'MODELPLANE_DATABASE_SYSTEM_URL',
    url,
    'Login of the role modelplane_system, for what has no tenant: job claims and the catalogue.',
  )
  systemUrl = '';

  @Env('MODELPLANE_DATABASE_POOL_SIZE', integer(2, 200), 'Connections of this process for tenant work.')
  poolSize = 10;
}
