import { join, resolve } from 'node:path';
import { Env, folder, oneOf, text } from './environment.js';
import { PROJECT_ROOT } from './project.js';

/** What this process is and where it keeps its files. */
export class RuntimeConfig {
  @Env(
    'MODELPLANE_ENV',
    oneOf('production', 'development', 'test'),
    'production refuses generated secrets, known passwords and development grants; `npm start` sets development.',
  )
  environment: 'production' | 'development' | 'test' = 'production';

  @Env('MODELPLANE_ROLE', oneOf('api', 'worker', 'all'), 'What this process runs: api, worker or all.')
  role: 'api' | 'worker' | 'all' = 'all';

  @Env('MODELPLANE_STATE_DIR', folder, 'Folder where everything embedded keeps its state.')
  stateDir = '.data';

  @Env(
    'MODELPLANE_PYTHON',
    folder,
    "Python that has the trainer's packages; empty: trainer/.venv/bin/python.",
  )
  python = '';

  @Env(
    'MODELPLANE_LOG_LEVEL',
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'silent'),
    'Least severe log line written.',
  )
  logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'silent' = 'info';

  @Env(
    'MODELPLANE_HEARTBEAT_FILE',
    text,
    'File touched every 5 s, for the health check of a container; empty: none.',
  )
  heartbeatFile = '';

  get runsApi(): boolean {
    return this.role !== 'worker';
  }

  get runsWorker(): boolean {
    return this.role !== 'api';
  }

  get isProduction(): boolean {
    return this.environment === 'production';
  }

  /** Python that has the trainer's packages. */
  get trainerPython(): string {
    return this.python || join(PROJECT_ROOT, 'trainer', '.venv', 'bin', 'python');
  }

  /** Folder of the embedded object store: `s3://bucket/key` is `<state>/objects/bucket/key`. */
  get objectsDir(): string {
    return resolve(this.stateDir, 'objects');
  }
}
