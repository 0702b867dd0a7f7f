import { inRoot, ROOT, TRAINER_PYTHON } from './paths.mjs';

const MAIN = inRoot('dist', 'src', 'main.js');
/** As in docker/Dockerfile: what a request leaves behind is collected less often, for 8 % less processor time. */
const NODE_OPTIONS = ['--max-semi-space-size=64'];

/** What the API and the worker are told; the names are those of src/config. */
export function applicationEnvironment({ stateDir, port, urls, redisUrl, secrets }) {
  return {
    ...process.env,
    MODELPLANE_ENV: 'development',
    MODELPLANE_HOST: '127.0.0.1',
    MODELPLANE_PORT: String(port),
    MODELPLANE_STATE_DIR: stateDir,
    MODELPLANE_PYTHON: TRAINER_PYTHON,
    DATABASE_URL: urls.appUrl,
    MODELPLANE_DATABASE_SYSTEM_URL: urls.systemUrl,
    REDIS_URL: redisUrl,
    MODELPLANE_JWT_SECRET: process.env.MODELPLANE_JWT_SECRET || secrets.jwt_secret,
    MODELPLANE_WEBHOOKS_KEY: process.env.MODELPLANE_WEBHOOKS_KEY || secrets.webhooks_key,
    // Receivers that are tried out run on this machine.
    MODELPLANE_WEBHOOKS_ALLOW_HTTP: process.env.MODELPLANE_WEBHOOKS_ALLOW_HTTP || 'true',
    MODELPLANE_WEBHOOKS_ALLOWED_NETWORKS:
      process.env.MODELPLANE_WEBHOOKS_ALLOWED_NETWORKS || '127.0.0.0/8,::1/128',
    MODELPLANE_WEBHOOKS_PORTS: process.env.MODELPLANE_WEBHOOKS_PORTS || 'any',
    // The development token is signed with the secret above: it must be what the API checks.
    MODELPLANE_JWT_JWKS_URL: '',
    MODELPLANE_JWT_ISSUER: '',
    MODELPLANE_JWT_AUDIENCE: '',
  };
}

const service = (role, env, ready) => ({
  name: role,
  command: () => ({
    file: process.execPath,
    args: [...NODE_OPTIONS, MAIN],
    cwd: ROOT,
    env: { ...env, MODELPLANE_ROLE: role },
  }),
  ready,
});

export const apiService = (env) =>
  service('api', env, async () => {
    try {
      const url = `http://127.0.0.1:${env.MODELPLANE_PORT}/healthcheck`;
      return (await fetch(url, { signal: AbortSignal.timeout(5000) })).ok;
    } catch {
      return false; // it does not listen yet
    }
  });

/** The worker has no port: a line of its log says that it takes jobs. */
export const workerService = (env) =>
  service('worker', env, ({ output }) => output().includes('"msg":"worker ready"'));
