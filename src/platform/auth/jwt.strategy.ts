import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { ExtractJwt, Strategy } from 'passport-jwt';
import type { JWTPayload } from 'jose';
import { AuthConfig } from '../../config/index.js';
import { type Identity, type Role, ROLES, TENANT_PATTERN } from './identity.js';
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

/** An identity, and when its token ends in seconds since 1970. */
export interface VerifiedIdentity extends Identity {
  expiresAt: number;
}

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
    const roles = [...ROLES, 'service' as const].filter((role: Role) => claimed.includes(role));
    return { subject: payload.sub ?? 'unknown', tenant, roles, expiresAt: payload.exp ?? 0 };
  }
}
