import type { FastifyRequest } from 'fastify';
import { Problem } from '../errors/problem.js';
import type { SignIn } from '../http/surface.js';

/** A key as a bearer token: no JSON Web Token begins so. */
const BEARER_KEY = /^bearer +(mp_\S*)$/i;

/**
 * The API key that a request comes with, or undefined where a token is to be looked for.
 * @throws Problem 400 where there is more than one credential, 401 where a key alone would do and there is none
 */
export function apiKeyOf({ headers, raw }: FastifyRequest, signIn: SignIn): string | undefined {
  const credentials = raw.rawHeaders.filter(
    (name, at) => at % 2 === 0 && /^(authorization|x-api-key)$/i.test(name),
  );
  if (credentials.length > 1) {
    throw new Problem(
      'INVALID_REQUEST',
      'A request must come with one credential: one Authorization or one X-API-Key header.',
    );
  }
  const { authorization = '', 'x-api-key': key } = headers;
  if (key !== undefined) return String(key);
  if (signIn === 'api_key') throw unauthorized('key', 'an X-API-Key header is required', signIn);
  return BEARER_KEY.exec(authorization)?.[1];
}

/** @param reason says nothing that the caller did not send */
export function unauthorized(what: 'token' | 'key', reason: string, signIn: SignIn = 'bearer'): Problem {
  const challenge =
    signIn === 'bearer' ? 'Bearer realm="modelplane", error="invalid_token"' : 'ApiKey realm="modelplane"';
  return new Problem('UNAUTHORIZED', `The ${what} was refused: ${reason}.`, {
    headers: { 'WWW-Authenticate': challenge },
  });
}
