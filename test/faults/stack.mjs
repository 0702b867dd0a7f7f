import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FolderObjectStore, S3ObjectStore } from '#libs/object-store';
import { apiService, applicationEnvironment, workerService } from '../../scripts/parts/application.mjs';
import { migrateDatabase } from '../../scripts/parts/built.mjs';
import { rememberedPort } from '../../scripts/parts/ports.mjs';
import { startPostgres } from '../../scripts/parts/postgres.mjs';
import { provision } from '../../scripts/parts/provisioning.mjs';
import { startRedis } from '../../scripts/parts/redis.mjs';
import { ensureSecrets } from '../../scripts/parts/secrets.mjs';
import { startSeaweedfs } from '../../scripts/parts/seaweedfs.mjs';
import { Supervisor } from '../../scripts/parts/supervisor.mjs';
import { signToken } from '../../scripts/parts/tokens.mjs';
import { Caller } from './caller.mjs';
import { Ledger } from './ledger.mjs';

export const TENANT = 'faults';
export const WORKERS = ['worker', 'second-worker'];

/** Short times, so that a run meets many faults; attempts enough that no job fails for having met too many. */
const SETTINGS = {
  MODELPLANE_ENV: 'test',
  MODELPLANE_LOG_LEVEL: 'info',
  MODELPLANE_STORAGE_GRANTS: `${TENANT}=s3://data/`,
  MODELPLANE_JOBS_LEASE_SECONDS: '2',
  MODELPLANE_JOBS_RECONCILE_SECONDS: '1',
  MODELPLANE_JOBS_MAX_ATTEMPTS: '20',
  MODELPLANE_JOBS_RETRY_SECONDS: '1',
  MODELPLANE_S3_TIMEOUT_SECONDS: '5',
};

const REGION = 'us-east-1';

const settingsOf = ({ endpoint, accessKeyId, secretAccessKey }) => ({
  MODELPLANE_STORAGE: 's3',
  MODELPLANE_S3_FORCE_PATH_STYLE: 'true',
  AWS_ENDPOINT_URL_S3: endpoint,
  AWS_REGION: REGION,
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
});

const storeOn = ({ endpoint, accessKeyId, secretAccessKey }) =>
  new S3ObjectStore({
    endpoint,
    region: REGION,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    bucketPrefix: '',
    timeoutMs: 5000,
  });

/** The whole service as processes on free ports and a folder of its own, under the supervisor that npm start uses. */
export class Stack {
  /** @param storage where objects lie: `folder` or `s3`, a SeaweedFS */
  static async start(storage = 'folder') {
    for (const name of Object.keys(process.env)) {
      if (/^(AWS_|MODELPLANE_|DATABASE_URL$|REDIS_URL$)/.test(name)) delete process.env[name];
    }
    const stateDir = mkdtempSync(path.join(tmpdir(), 'modelplane-faults-'));
    chmodSync(stateDir, 0o711); // where we are root, PostgreSQL runs as another user and must get through
    const stack = new Stack(stateDir, storage);
    try {
      await stack.#start();
      return stack;
    } catch (error) {
      await stack.stop();
      throw error;
    }
  }

  constructor(stateDir, storage) {
    this.stateDir = stateDir;
    this.storage = storage;
    this.supervisor = new Supervisor({
      logDir: path.join(stateDir, 'logs'),
      timing: { firstDelayMs: 100, longestDelayMs: 1000, healthyMs: 2000 },
    });
  }

  async #start() {
    const { stateDir, supervisor } = this;
    const secrets = ensureSecrets(stateDir);
    // Durable: what is acknowledged has to outlive a kill -9 of the server.
    const [postgres, redis, s3] = await Promise.all([
      startPostgres(supervisor, { stateDir, secrets, durable: true }),
      startRedis(supervisor, { stateDir, secrets, durable: true }),
      this.storage === 's3' ? startSeaweedfs(supervisor, { stateDir, secrets }) : null,
    ]);
    this.redisUrl = redis.url;
    this.objects = s3 ? storeOn(s3) : new FolderObjectStore(path.join(stateDir, 'objects'));
    const urls = await provision(postgres, secrets);
    await migrateDatabase(urls.migrationUrl);
    const port = await rememberedPort(stateDir, 'api');
    const env = {
      ...applicationEnvironment({ stateDir, port, urls, redisUrl: redis.url, secrets }),
      ...SETTINGS,
      ...(s3 && settingsOf(s3)),
    };
    // Two workers, as anybody has who minds how soon a job goes on: one imports its Python again for 5 s.
    const workers = WORKERS.map((name) => supervisor.start({ ...workerService(env), name }));
    await Promise.all([...workers, supervisor.start(apiService(env))]);
    const token = signToken({ tenant: TENANT, role: 'admin', days: 1, secret: env.MODELPLANE_JWT_SECRET });
    this.caller = new Caller(`http://127.0.0.1:${port}`, token);
    this.ledger = new Ledger(postgres.url('postgres', secrets.database_superuser_password, 'modelplane'));
  }

  /** What the API wrote of a request, as far as its log has not been trimmed. */
  logOf(requestId) {
    const lines = readFileSync(this.supervisor.logFile('api'), 'utf8').split('\n');
    return lines.filter((line) => requestId && line.includes(requestId)).join('\n');
  }

  /** Ends everything in the order of npm start. */
  async stop() {
    for (const name of [...WORKERS, 'api', 'seaweedfs', 'redis', 'postgres'])
      await this.supervisor.stop(name);
    rmSync(this.stateDir, { recursive: true, force: true, maxRetries: 10 });
  }
}
