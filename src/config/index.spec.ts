import {
  AuthConfig,
  ConfigError,
  DatabaseConfig,
  environmentExample,
  FeaturesConfig,
  HttpConfig,
  loadConfig,
  RateLimitConfig,
  RuntimeConfig,
  S3Config,
  StorageConfig,
} from './index.js';

const VALID = {
  MODELPLANE_JWT_SECRET: 'q0V3mB7yXf2LkTzR9dWc5hJpNs8uGeA1',
  DATABASE_URL: 'postgresql://app@db/modelplane',
  MODELPLANE_DATABASE_SYSTEM_URL: 'postgresql://system@db/modelplane',
  REDIS_URL: 'redis://cache:6379',
  MODELPLANE_WEBHOOKS_KEY: 'Xh2pQ9sLk4WvT7bNcR1mZy8uJd5fGe3A',
};

function faultsOf(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    loadConfig({ ...VALID, ...env });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

describe('the environment', () => {
  it('should default to production, on its own machine, with no grants', () => {
    const config = loadConfig(VALID);
    expect(config.get(RuntimeConfig)).toMatchObject({
      environment: 'production',
      isProduction: true,
      role: 'all',
    });
    expect(config.get(HttpConfig)).toMatchObject({ host: '127.0.0.1', port: 8000 });
    expect(config.get(StorageConfig).grants.size).toBe(0);
  });

  it('should keep features in the Redis of all else unless they have one of their own', () => {
    const urlOf = (env: NodeJS.ProcessEnv) => loadConfig({ ...VALID, ...env }).get(FeaturesConfig).redisUrl;
    expect(urlOf({})).toBe(VALID.REDIS_URL);
    expect(urlOf({ MODELPLANE_FEATURES_REDIS_URL: 'redis://features:6379' })).toBe('redis://features:6379');
  });

  it('should be read with white space around a value, and an empty value as none', () => {
    const config = loadConfig({
      ...VALID,
      MODELPLANE_PORT: ' 9000 ',
      MODELPLANE_HOST: '',
      MODELPLANE_ROLE: ' ',
    });
    expect(config.get(HttpConfig)).toMatchObject({ host: '127.0.0.1', port: 9000 });
    expect(config.get(RuntimeConfig).role).toBe('all');
  });

  it('should start several processes of an api alone, and share the rate limit out among them', () => {
    const processes = (env: NodeJS.ProcessEnv) =>
      loadConfig({ ...VALID, MODELPLANE_ROLE: 'api', ...env }).get(RateLimitConfig).processes;
    expect(processes({})).toBe(1);
    expect(processes({ MODELPLANE_API_PROCESSES: '4' })).toBe(4);
    expect(processes({ MODELPLANE_API_PROCESSES: '4', MODELPLANE_RATE_LIMIT_PROCESSES: '12' })).toBe(12);
    expect(faultsOf({ MODELPLANE_API_PROCESSES: '2', MODELPLANE_ROLE: 'worker' })).toEqual([]);
    expect(faultsOf({ MODELPLANE_API_PROCESSES: '2' })).toEqual([
      expect.stringMatching(/^MODELPLANE_API_PROCESSES: more than one needs MODELPLANE_ROLE=api/),
    ]);
    expect(faultsOf({ MODELPLANE_API_PROCESSES: '0' })).toHaveLength(1);
  });

  it('should name every fault at once', () => {
    expect(
      faultsOf({
        MODELPLANE_PORT: '65536',
        MODELPLANE_ENV: 'staging',
        MODELPLANE_JWT_SECRET: 'short',
        REDIS_URL: 'cache',
        DATABASE_URL: '',
        MODELPLANE_STORAGE_GRANTS: 'acme-corp',
      }),
    ).toEqual([
      expect.stringMatching(/^MODELPLANE_ENV: must be one of production, development, test, got "staging"/),
      expect.stringMatching(/^MODELPLANE_PORT: must be a whole number from 0 to 65535, got "65536"/),
      expect.stringMatching(/^MODELPLANE_JWT_SECRET: must have at least 32 bytes, has 5/),
      expect.stringMatching(/^REDIS_URL: must be a URL/),
      expect.stringMatching(/^MODELPLANE_STORAGE_GRANTS: .*must look like/),
      expect.stringMatching(/^MODELPLANE_JWT_SECRET, MODELPLANE_JWT_JWKS_URL: exactly one/),
      expect.stringMatching(/^DATABASE_URL: must be set/),
      expect.stringMatching(/^REDIS_URL: must be set/),
    ]);
  });

  it.each([
    ['MODELPLANE_PORT', ['-1', '1.5', 'http', 'NaN', '80 80']],
    ['MODELPLANE_MAX_BODY_BYTES', ['0', '1023', '8MB']],
    ['MODELPLANE_MAX_OBJECT_BYTES', ['1', 'Infinity']],
    ['MODELPLANE_ROLE', ['API', 'api,worker']],
    ['MODELPLANE_LOG_LEVEL', ['verbose']],
    ['MODELPLANE_JWT_CLOCK_TOLERANCE_SECONDS', ['-1', '301']],
    ['MODELPLANE_DATABASE_POOL_SIZE', ['0', '1']],
    ['DATABASE_URL', ['//db', 'db/modelplane']],
    ['MODELPLANE_JOBS_LEASE_SECONDS', ['1', '0']],
    ['MODELPLANE_TRAINING_MAX_FILES', ['0']],
    ['MODELPLANE_PREDICTIONS_MAX_ROWS', ['0', '1000000']],
  ])('should not take %s of %j', (name, values) => {
    for (const value of values) {
      expect(faultsOf({ [name]: value })).toContainEqual(expect.stringMatching(`^${name}: must be`));
    }
  });

  it('should ask for exactly one of secret and JWKS', () => {
    const jwks = {
      MODELPLANE_JWT_JWKS_URL: 'https://id.example/jwks',
      MODELPLANE_JWT_ISSUER: 'https://id.example',
      MODELPLANE_JWT_AUDIENCE: 'modelplane',
    };
    expect(faultsOf(jwks)).toEqual([expect.stringContaining('exactly one')]);
    expect(faultsOf({ MODELPLANE_JWT_SECRET: '' })).toEqual([expect.stringContaining('exactly one')]);
    expect(faultsOf({ ...jwks, MODELPLANE_JWT_SECRET: '' })).toEqual([]);
  });

  it('should measure the secret in bytes', () => {
    expect(
      loadConfig({ ...VALID, MODELPLANE_JWT_SECRET: 'éàèùâêîôûëïüçœæñ' }).get(AuthConfig).secret,
    ).toHaveLength(16);
  });

  it('should not print a secret or a password among its faults', () => {
    const faults = faultsOf({ MODELPLANE_JWT_SECRET: 'hunter2', DATABASE_URL: '//app:hunter2@db' });
    expect(faults.join()).not.toContain('hunter2');
  });

  it('should be described whole, with its defaults', () => {
    const example = environmentExample();
    expect(example).toContain('# MODELPLANE_PORT=8000');
    expect(example).toContain('# MODELPLANE_ENV=production');
    const config = loadConfig(VALID);
    const fields = config.entries().flatMap(([, instance]) => Object.keys(instance));
    expect(example.match(/^# [A-Z0-9_]+=/gm)).toHaveLength(fields.length);
  });

  it('should take an S3 server from the variables that every S3 tool reads', () => {
    const s3 = (env: NodeJS.ProcessEnv) => loadConfig({ ...VALID, ...env }).get(S3Config);
    expect(s3({ AWS_ENDPOINT_URL: 'http://all:1' }).endpoint).toBe('http://all:1');
    expect(s3({ AWS_ENDPOINT_URL: 'http://all:1', AWS_ENDPOINT_URL_S3: 'http://s3:2' }).endpoint).toBe(
      'http://s3:2',
    );
    expect(faultsOf({ MODELPLANE_STORAGE: 's3', AWS_ACCESS_KEY_ID: 'id' })).toEqual([
      'AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: both of them must be set, or neither',
    ]);
    expect(faultsOf({ MODELPLANE_STORAGE: 'ftp', MODELPLANE_S3_FORCE_PATH_STYLE: '1' })).toEqual([
      'MODELPLANE_STORAGE: must be one of folder, s3, got "ftp"',
      'MODELPLANE_S3_FORCE_PATH_STYLE: must be true or false, got "1"',
    ]);
  });

  it('should keep what one class reads out of the next', () => {
    expect(loadConfig(VALID).get(DatabaseConfig)).not.toHaveProperty('secret');
  });
});

describe('storage grants', () => {
  const grantsOf = (text: string, environment = 'production') =>
    Object.fromEntries(
      loadConfig({ ...VALID, MODELPLANE_ENV: environment, MODELPLANE_STORAGE_GRANTS: text }).get(
        StorageConfig,
      ).grants,
    );

  it('should be read for several tenants', () => {
    expect(grantsOf(' acme-corp = s3://data/ , s3://predictions/2026/ ; globex=s3://globex/; ')).toEqual({
      'acme-corp': ['s3://data/', 's3://predictions/2026/'],
      globex: ['s3://globex/'],
    });
  });

  it('should be read for folders that hold a partition', () => {
    expect(grantsOf('a=s3://data/day=2026-02-12/')).toEqual({ a: ['s3://data/day=2026-02-12/'] });
  });

  it('should add up for a tenant that is named twice', () => {
    expect(grantsOf('a=s3://xyz/;a=s3://uvw/')).toEqual({ a: ['s3://xyz/', 's3://uvw/'] });
  });

  it('should be given to acme-corp in development alone, and only where none are configured', () => {
    const development = { 'acme-corp': ['s3://data/', 's3://predictions/'] };
    expect(grantsOf('', 'development')).toEqual(development);
    expect(grantsOf('a=s3://xyz/', 'development')).toEqual({ a: ['s3://xyz/'] });
    expect(grantsOf('', 'production')).toEqual({});
    expect(grantsOf('', 'test')).toEqual({});
  });

  it.each([
    'acme-corp',
    'acme-corp=',
    '=s3://data/',
    'acme-corp=data/',
    'acme-corp=s3://data',
    'acme-corp=s3://data/train',
    'acme-corp=s3://',
    'acme-corp=s3:///',
    'acme-corp=s3://data/,',
    'acme-corp=s3://modelplane/',
    'acme-corp=s3://modelplane/acme-corp/',
    'acme-corp=s3://tenants/',
    'acme-corp=s3://tenants/globex/',
    'acme-corp=s3://*/',
    'acme-corp=s3://data//',
    'acme-corp=s3://data/../modelplane/',
    'Acme=s3://data/',
    '*=s3://data/',
  ])('should not be %s', (text) => {
    expect(faultsOf({ MODELPLANE_STORAGE_GRANTS: text })).toEqual([
      expect.stringMatching(/^MODELPLANE_STORAGE_GRANTS: /),
    ]);
  });
});
