import { Env, text, url } from './environment.js';

/** What commands read before there is a service; no process that serves does. */
export class CommandsConfig {
  @Env(
    'MODELPLANE_DATABASE_MIGRATION_URL',
    url,
    'Login of the role that owns the database, for migrate, backup and restore alone: keep it from servers.',
  )
  migrationUrl = '';

  @Env(
    'MODELPLANE_BOOTSTRAP_PYTHON',
    text,
    "Python 3.11 or newer that `npm start` makes the trainer's environment with; empty: one on the PATH.",
  )
  bootstrapPython = '';
}
