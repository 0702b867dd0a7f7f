import { ConfigError, loadConfig } from './index.js';

const SOUND = {
  MODELPLANE_JWT_SECRET: 'q0V3mB7yXf2LkTzR9dWc5hJpNs8uGeA1',
  DATABASE_URL: 'postgresql://modelplane_app:t7Rw-2kQx@db/modelplane',
  MODELPLANE_DATABASE_SYSTEM_URL: 'postgresql://modelplane_system:Zp4_h9Lm@db/modelplane',
  REDIS_URL: 'redis://:vN6x-8aEo@cache:6379/0',
  MODELPLANE_STORAGE_GRANTS: 'acme-corp=s3://acme-data/',
  MODELPLANE_WEBHOOKS_KEY: 'Xh2pQ9sLk4WvT7bNcR1mZy8uJd5fGe3A',
};

function faultsOf(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    loadConfig({ ...SOUND, ...env });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

describe('production', () => {
  it('should be what a process is that was told nothing, and start with secrets of its own', () => {
    expect(faultsOf({})).toEqual([]);
    expect(faultsOf({ REDIS_URL: 'redis://:postgres@cache:6379' })).toHaveLength(1);
  });

  it('should name every secret, password and grant of a development machine at once', () => {
    const made = 'development-Vb3zXq8Lw0TnYk5RcJ2HdGm9';
    expect(
      faultsOf({
        MODELPLANE_JWT_SECRET: made,
        DATABASE_URL: `postgresql://modelplane_app:${made}@db/modelplane`,
        MODELPLANE_DATABASE_SYSTEM_URL: 'postgresql://modelplane_system:modelplane@db/modelplane',
        REDIS_URL: 'redis://:changeme@cache:6379/0',
        AWS_SECRET_ACCESS_KEY: 'minioadmin',
        MODELPLANE_STORAGE_GRANTS: 'acme-corp=s3://data/,s3://predictions/',
      }),
    ).toEqual([
      'MODELPLANE_JWT_SECRET: was generated for development; make another',
      'DATABASE_URL: its password was generated for development; make another',
      'MODELPLANE_DATABASE_SYSTEM_URL: its password is a well-known one; make another',
      'REDIS_URL: its password is a well-known one; make another',
      'AWS_SECRET_ACCESS_KEY: is a well-known one; make another',
      'MODELPLANE_STORAGE_GRANTS: acme-corp=s3://data/,s3://predictions/ is the grant of development; name your own buckets',
    ]);
  });

  it('should judge a Redis of features by itself, and not twice where it is the other', () => {
    const known = 'redis://:changeme@cache:6379';
    expect(faultsOf({ MODELPLANE_FEATURES_REDIS_URL: known })).toEqual([
      'MODELPLANE_FEATURES_REDIS_URL: its password is a well-known one; make another',
    ]);
    expect(faultsOf({ REDIS_URL: known })).toHaveLength(1);
    expect(faultsOf({ REDIS_URL: known, MODELPLANE_FEATURES_REDIS_URL: known })).toHaveLength(1);
  });

  it.each([
    ...[
      'postgres',
      'password',
      'Password1',
      'changeme',
      'change-me',
      'modelplane',
      'modelplane_app',
      'admin',
    ],
    ...['secret', '12345678', 'p%61ssword', 'redis', 'mysecretpassword', 'please-change-me-soon'],
  ])('should not take the password %s', (password) => {
    for (const [name, url] of [
      ['DATABASE_URL', `postgresql://someone:${password}@db/modelplane`],
      ['MODELPLANE_DATABASE_SYSTEM_URL', `postgresql://someone_else:${password}@db/modelplane`],
      ['REDIS_URL', `rediss://default:${password}@cache:6379`],
    ] as const) {
      expect(faultsOf({ [name]: url })).toEqual([expect.stringMatching(`^${name}: its password is`)]);
    }
  });

  it('should not take a short password, nor one that is the name of its user', () => {
    expect(faultsOf({ DATABASE_URL: 'postgresql://ana:x9Qz@db/m' })).toEqual([
      'DATABASE_URL: its password has fewer than 8 characters',
    ]);
    expect(faultsOf({ DATABASE_URL: 'postgresql://service-17:service-17@db/m' })).toEqual([
      'DATABASE_URL: its password is the name of the user',
    ]);
  });

  it('should take a URL without a password, and one whose password only contains a known word', () => {
    expect(faultsOf({ DATABASE_URL: 'postgresql://modelplane_app@db/modelplane?sslcert=a.pem' })).toEqual([]);
    expect(faultsOf({ REDIS_URL: 'redis://:password-x8Vt-kL2q@cache:6379' })).toEqual([]);
  });

  it('should not take one role for both database logins', () => {
    expect(faultsOf({ MODELPLANE_DATABASE_SYSTEM_URL: SOUND.DATABASE_URL })).toEqual([
      expect.stringMatching(/^DATABASE_URL, MODELPLANE_DATABASE_SYSTEM_URL: must be two roles/),
    ]);
  });

  it.each([
    ['x'.repeat(40), 'different characters'],
    ['0123456789'.repeat(4), 'different characters'],
    ['q0V3mB7yXf2LkTzR9dWc5hJpNs8uGeA1', ''],
    ['change-me-change-me-change-me-change-me', 'example'],
    ['a secret of the tests with more than 32 bytes', 'example'],
    ['your-secret-your-secret-your-secret-0123', 'example'],
  ])('should not take the token secret %s', (secret, why) => {
    const faults = faultsOf({ MODELPLANE_JWT_SECRET: secret });
    expect(faults).toEqual(why ? [expect.stringContaining(why)] : []);
  });

  it('should ask for https, an issuer and an audience of an identity provider', () => {
    const provider = (url: string) => faultsOf({ MODELPLANE_JWT_SECRET: '', MODELPLANE_JWT_JWKS_URL: url });
    const incomplete = [
      'MODELPLANE_JWT_ISSUER: must be set beside MODELPLANE_JWT_JWKS_URL',
      'MODELPLANE_JWT_AUDIENCE: must be set beside MODELPLANE_JWT_JWKS_URL',
    ];
    expect(provider('http://id.example/jwks')).toEqual([
      expect.stringMatching(/^MODELPLANE_JWT_JWKS_URL: must be https/),
      ...incomplete,
    ]);
    expect(provider('https://id.example/jwks')).toEqual(incomplete);
    expect(provider('http://127.0.0.1:4000/jwks')).toEqual(incomplete);
  });

  it('should not quote what it refuses', () => {
    const url = 'postgresql://app:changeme@db/m';
    expect(faultsOf({ DATABASE_URL: url, REDIS_URL: 'redis://:hunter2@cache' }).join()).not.toMatch(
      /changeme|hunter2/,
    );
  });

  it('should ask for a key of webhooks of its own, and for TLS of receivers', () => {
    expect(faultsOf({ MODELPLANE_WEBHOOKS_KEY: '' })).toEqual(['MODELPLANE_WEBHOOKS_KEY: must be set']);
    const generated = { MODELPLANE_WEBHOOKS_KEY: `development-${'x1'.repeat(20)}` };
    expect(faultsOf(generated)).toEqual([expect.stringContaining('was generated for development')]);
    expect(faultsOf({ MODELPLANE_WEBHOOKS_ALLOW_HTTP: 'true' })).toEqual([
      expect.stringMatching(/^MODELPLANE_WEBHOOKS_ALLOW_HTTP: must be false/),
    ]);
  });

  it.each(['development', 'test'])('should be asked of %s in no way', (environment) => {
    expect(
      faultsOf({
        MODELPLANE_ENV: environment,
        DATABASE_URL: 'postgresql://app:postgres@db/m',
        MODELPLANE_STORAGE_GRANTS: 'acme-corp=s3://data/,s3://predictions/',
      }),
    ).toEqual([]);
  });
});
