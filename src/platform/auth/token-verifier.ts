import { createSecretKey } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { AuthConfig } from '../../config/index.js';
import { publishedKeys } from './published-keys.js';

/**
 * Checks signature and registered claims of a JSON Web Token (RFC 7519). The algorithms follow from what is
 * configured, never from the token: HS256 with the secret, RS256, ES256 and EdDSA with the JWKS.
 */
@Injectable()
export class TokenVerifier {
  private readonly key: JWTVerifyGetKey;
  private readonly algorithms: string[];

  constructor(private readonly config: AuthConfig) {
    if (config.jwksUrl) {
      this.key = publishedKeys(new URL(config.jwksUrl));
      this.algorithms = ['RS256', 'ES256', 'EdDSA'];
    } else {
      const secret = createSecretKey(config.secret, 'utf8');
      this.key = async () => secret;
      this.algorithms = ['HS256'];
    }
  }

  /** @throws an Error that says what is wrong with the token, or Problem 503 where that cannot be found out */
  async verify(token: string): Promise<JWTPayload> {
    const { payload } = await jwtVerify(token, this.key, {
      algorithms: this.algorithms,
      issuer: this.config.issuer || undefined,
      audience: this.config.audience || undefined,
      clockTolerance: this.config.clockToleranceSeconds,
      requiredClaims: ['exp'],
    });
    return payload;
  }
}
