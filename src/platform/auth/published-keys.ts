import { createRemoteJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import { Problem } from '../errors/problem.js';

const TIMEOUT_MS = 2500;
/** An unknown key makes us ask the provider again, at most this often. */
const COOLDOWN_MS = 10_000;
const REFRESH_MS = 10 * 60_000;

/** What the key set itself says of a token; any other failure is the provider's. */
const OF_THE_TOKEN = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported];

/**
 * The keys of an identity provider. They are read anew in the background: while the provider is away, the keys that
 * it last published go on.
 * @returns what finds the key of a token, or throws Problem 503 where the provider would have to say and does not
 */
export function publishedKeys(url: URL): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(url, {
    timeoutDuration: TIMEOUT_MS,
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: Infinity,
  });
  let readAt = -Infinity;
  let askedAt = -Infinity;

  const refresh = (): void => {
    const now = Date.now();
    if (!remote.jwks() || now - readAt < REFRESH_MS || now - askedAt < COOLDOWN_MS) return;
    askedAt = now;
    remote.reload().then(
      () => (readAt = Date.now()),
      () => undefined,
    );
  };

  return async (header, token) => {
    const known = remote.jwks() !== undefined;
    refresh();
    try {
      const key = await remote(header, token);
      if (!known) readAt = Date.now();
      return key;
    } catch (error) {
      if (OF_THE_TOKEN.some((type) => error instanceof type)) throw error;
      throw new Problem(
        'AUTH_UNAVAILABLE',
        "The identity provider's keys cannot be read; the token could not be checked. Try again.",
        { headers: { 'Retry-After': '5' } },
      );
    }
  };
}
