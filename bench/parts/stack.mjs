import { migrateDatabase } from '../../scripts/parts/built.mjs';
import { apiService, applicationEnvironment, workerService } from '../../scripts/parts/application.mjs';
import { onEnding, onNpmGone } from '../../scripts/parts/ending.mjs';
import { rememberedPort } from '../../scripts/parts/ports.mjs';
import { startTemporaryServices } from '../../scripts/parts/temporary-services.mjs';
import { signToken } from '../../scripts/parts/tokens.mjs';
import { Client } from './client.mjs';

export const TENANT = 'bench';

/** Further APIs, by name. */
const others = new Set();

/**
 * Runs `measure(stack)` on a stack that is gone afterwards; answers the exit code.
 * @param settings of API and worker, beside those of every bench
 */
export async function withStack(steps, measure, settings) {
  let stack;
  let ending;
  const end = () => (ending ??= stack?.stop());
  onEnding(
    () => Promise.resolve(end()).finally(() => process.exit(130)),
    () => process.exit(130), // the leashes end what is left
  );
  onNpmGone(() => void Promise.resolve(end()).finally(() => process.exit(130)));
  try {
    stack = await startStack(steps, settings);
    return await measure(stack);
  } finally {
    await end();
  }
}

/** PostgreSQL, Redis, a worker and an API on a folder of their own; whoever starts it calls its `stop`. */
export async function startStack(steps, settings = {}) {
  forgetShellSettings();
  const services = await steps.run('PostgreSQL and Redis', () =>
    startTemporaryServices({ say: (line) => steps.say(`  ${line}`) }),
  );
  try {
    return await steps.run('Migrations, worker and API', () => startApplication(services, settings));
  } catch (error) {
    await stop(services);
    throw error;
  }
}

async function startApplication(services, settings) {
  const { supervisor, stateDir, urls, redis, secrets } = services;
  await migrateDatabase(urls.migrationUrl);
  const port = await rememberedPort(stateDir, 'api');
  const env = {
    ...applicationEnvironment({ stateDir, port, urls, redisUrl: redis.url, secrets }),
    MODELPLANE_ENV: 'test',
    MODELPLANE_LOG_LEVEL: 'info', // as in production: a line a request is part of the cost
    ...settings,
  };
  await Promise.all([supervisor.start(workerService(env)), supervisor.start(discardingLog(apiService(env)))]);
  const url = `http://127.0.0.1:${port}`;
  const token = signToken({
    tenant: TENANT,
    role: 'admin',
    days: 1,
    secret: env.MODELPLANE_JWT_SECRET,
  });
  const startAnother = async (name, settings) => {
    const otherPort = await rememberedPort(stateDir, name);
    const other = { ...env, ...settings, MODELPLANE_PORT: String(otherPort) };
    await supervisor.start({ ...discardingLog(apiService(other)), name });
    others.add(name);
    return `http://127.0.0.1:${otherPort}`;
  };
  const startUnguarded = () =>
    startAnother('unguarded', { MODELPLANE_RATE_LIMIT_PER_MINUTE: '0', MODELPLANE_METRICS: 'false' });
  const client = new Client(url, token);
  return {
    supervisor,
    stateDir,
    url,
    token,
    env,
    client,
    startUnguarded,
    startAnother,
    databaseUrl: urls.migrationUrl,
    stop: () => stop(services),
  };
}

/** Every line is made and written, but what is measured is not the disk; errors on stderr are kept. */
function discardingLog(service) {
  const command = () => {
    const { file, args, ...options } = service.command();
    return { ...options, file: '/bin/sh', args: ['-c', 'exec "$0" "$@" >/dev/null', file, ...args] };
  };
  return { ...service, command };
}

async function stop(services) {
  for (const name of [...others, 'worker', 'api']) await services.supervisor.stop(name);
  await services.stop();
}

/** A developer's shell must not point the bench at another database, Redis or setting. */
function forgetShellSettings() {
  for (const name of Object.keys(process.env)) {
    if (/^(MODELPLANE_|DATABASE_URL$|REDIS_URL$)/.test(name)) delete process.env[name];
  }
}
