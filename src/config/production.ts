import { AuthConfig } from './auth.config.js';
import { DatabaseConfig } from './database.config.js';
import type { ConfigClass } from './environment.js';
import { FeaturesConfig } from './features.config.js';
import { RedisConfig } from './redis.config.js';
import { S3Config } from './s3.config.js';
import { DEVELOPMENT_GRANTS, StorageConfig } from './storage.config.js';
import { WebhooksConfig } from './webhooks.config.js';

/** `npm start` begins every secret it makes with this, so that none of them can become a secret of production. */
const DEVELOPMENT_MARK = 'development-';

/** Passwords and secrets of manuals, examples and images: who knows the product knows them. */
const KNOWN =
  /^(postgres(ql)?|pass(word|wd)?|p[a4]ssw[o0]rd|change[-_]?(me|it)|modelplane([-_](app|system|owner))?|admin|root|user|redis|valkey|secret|default|example|test(ing)?|qwerty|letmein|welcome|guest|foobared|minio(admin)?|any|mysecretpassword|supersecret)[\d!]{0,4}$|^[\d]{1,10}$/i;

/** Words that only an example of a secret contains. */
const EXAMPLE_WORDS =
  /change[-_ ]?me|example|your[-_ ]?(jwt[-_ ]?)?secret|a secret of the tests|placeholder/i;

const SHORTEST_PASSWORD = 8;
const FEWEST_CHARACTERS = 12;

type Settings = <T extends object>(type: ConfigClass<T>) => T;

/**
 * What a development machine may have and production may not. No fault quotes a secret.
 * @returns each fault, beginning with the name of its variable
 */
export function productionFaults(get: Settings): string[] {
  return [
    ...tokenFaults(get(AuthConfig)),
    ...passwordFaults('DATABASE_URL', get(DatabaseConfig).url),
    ...passwordFaults('MODELPLANE_DATABASE_SYSTEM_URL', get(DatabaseConfig).systemUrl),
    ...sharedPasswordFaults(get(DatabaseConfig)),
    ...passwordFaults('REDIS_URL', get(RedisConfig).url),
    ...featuresRedisFaults(get(FeaturesConfig), get(RedisConfig)),
    ...secretFaults('AWS_SECRET_ACCESS_KEY', get(S3Config).secretAccessKey),
    ...secretFaults('MODELPLANE_URL_SIGNING_SECRET', get(StorageConfig).urlSigningSecret),
    ...grantFaults(get(StorageConfig)),
    ...webhookFaults(get(WebhooksConfig)),
  ];
}

function tokenFaults({ secret, jwksUrl, issuer, audience }: AuthConfig): string[] {
  const faults = secretFaults('MODELPLANE_JWT_SECRET', secret);
  if (secret && faults.length === 0 && new Set(secret).size < FEWEST_CHARACTERS) {
    faults.push(
      `MODELPLANE_JWT_SECRET: has fewer than ${FEWEST_CHARACTERS} different characters and can be guessed; take 32 random bytes`,
    );
  }
  if (!jwksUrl) return faults;
  const { protocol, hostname } = new URL(jwksUrl);
  if (protocol !== 'https:' && !['localhost', '127.0.0.1', '[::1]'].includes(hostname)) {
    faults.push('MODELPLANE_JWT_JWKS_URL: must be https, or whoever is on the way can sign tokens');
  }
  // Without them any token of the provider, made for whichever of its services, would be taken.
  if (!issuer) faults.push('MODELPLANE_JWT_ISSUER: must be set beside MODELPLANE_JWT_JWKS_URL');
  if (!audience) faults.push('MODELPLANE_JWT_AUDIENCE: must be set beside MODELPLANE_JWT_JWKS_URL');
  return faults;
}

/** A URL without a password is left alone: certificates, sockets and the network may say who is who. */
function passwordFaults(name: string, url: string): string[] {
  if (!url) return [];
  const { username, password } = new URL(url);
  if (!password) return [];
  const [user, secret] = [decoded(username), decoded(password)];
  const faults = secretFaults(name, secret, 'its password ');
  if (faults.length > 0) return faults;
  if (secret === user) return [`${name}: its password is the name of the user`];
  if (secret.length < SHORTEST_PASSWORD)
    return [`${name}: its password has fewer than ${SHORTEST_PASSWORD} characters`];
  return [];
}

/** One that is that of REDIS_URL has been judged with it. */
function featuresRedisFaults({ redisUrl }: FeaturesConfig, { url }: RedisConfig): string[] {
  return redisUrl === url ? [] : passwordFaults('MODELPLANE_FEATURES_REDIS_URL', redisUrl);
}

function secretFaults(name: string, secret: string, what = ''): string[] {
  if (!secret) return [];
  if (secret.startsWith(DEVELOPMENT_MARK))
    return [`${name}: ${what}was generated for development; make another`];
  if (KNOWN.test(secret)) return [`${name}: ${what}is a well-known one; make another`];
  if (EXAMPLE_WORDS.test(secret)) return [`${name}: ${what}is that of an example; make another`];
  return [];
}

/** One login for both roles would let a fault of the tenants' queries reach what has no tenant. */
function sharedPasswordFaults({ url, systemUrl }: DatabaseConfig): string[] {
  if (!url || !systemUrl || new URL(url).username !== new URL(systemUrl).username) return [];
  return [
    'DATABASE_URL, MODELPLANE_DATABASE_SYSTEM_URL: must be two roles, modelplane_app and modelplane_system',
  ];
}

function grantFaults({ grants }: StorageConfig): string[] {
  return [...DEVELOPMENT_GRANTS].flatMap(([tenant, prefixes]) =>
    prefixes.every((prefix) => grants.get(tenant)?.includes(prefix))
      ? [
          `MODELPLANE_STORAGE_GRANTS: ${tenant}=${prefixes.join(',')} is the grant of development; name your own buckets`,
        ]
      : [],
  );
}

function webhookFaults({ key, allowHttp }: WebhooksConfig): string[] {
  const faults = secretFaults('MODELPLANE_WEBHOOKS_KEY', key);
  if (allowHttp)
    faults.push('MODELPLANE_WEBHOOKS_ALLOW_HTTP: must be false, or whoever is on the way can read events');
  return faults;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a bare % sign
  }
}
