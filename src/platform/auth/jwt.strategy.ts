import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { ExtractJwt, Strategy } from 'passport-jwt';
import type { JWTPayload } from 'jose';
import { AuthConfig } from '../../config/index.js';
import { ALL_ROLES, KEY_SUBJECT, TENANT_PATTERN, type VerifiedIdentity } from './identity.js';
import { TokenVerifier } from './token-verifier.js';

type Done = (error: Error | null, payload?: unknown) => void;
type Verify = (token: string) => Promise<unknown>;

/*
 * passport-jwt verifies with jsonwebtoken, which has no EdDSA; jose has every algorithm that we accept. The key
 * that the strategy hands on is therefore the verifier itself: docs/decisions/0003-one-token-verifier.md.
 */
(Strategy as unknown as { JwtVerifier: unknown }).JwtVerifier = (
  token: string,
  verify: Verify,
  _options: unknown,
  done: Done,
): void => {
  verify(token).then((payload) => done(null, payload), done);
};

/** The end of the year 9999: a larger `exp` counts milliseconds, or is no time at all. */
const LATEST_SECONDS = 253_402_300_799;

/** `Authorization: Bearer <JWT>` to an identity. */
@Injectable()
export class JwtStrategy extends PassportStrategy(Strategy) {
  constructor(
    verifier: TokenVerifier,
    private readonly config: AuthConfig,
  ) {
    const verify: Verify = (token) => verifier.verify(token);
    super({
      jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
      secretOrKeyProvider: (_request, _token, done) => done(null, verify as never),
    });
  }

  validate(payload: JWTPayload): VerifiedIdentity {
    const tenant = payload[this.config.tenantClaim];
    if (typeof tenant !== 'string' || !TENANT_PATTERN.test(tenant)) {
      throw new Error(`claim "${this.config.tenantClaim}" does not name a tenant`);
    }
    const claimed = [payload[this.config.rolesClaim]].flat();
    const roles = ALL_ROLES.filter((role) => claimed.includes(role));
    return { subject: subjectOf(payload), tenant, roles, expiresAt: endOf(payload) };
  }
}

function subjectOf({ sub = 'unknown' }: JWTPayload): string {
  if (typeof sub !== 'string') throw new Error('claim "sub" is no text');
  // What an API key did must not be what a token could say that it did.
  if (sub.startsWith(KEY_SUBJECT))
    throw new Error(`claim "sub" begins with ${KEY_SUBJECT}, as only the subjects of API keys do`);
  return sub;
}

function endOf({ exp }: JWTPayload): number {
  if (typeof exp !== 'number' || !(exp <= LATEST_SECONDS)) {
    throw new Error('claim "exp" must be seconds since 1970, before the year 10000');
  }
  return exp;
}
