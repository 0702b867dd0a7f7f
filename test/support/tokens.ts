import { createSecretKey } from 'node:crypto';
import { type JWTPayload, SignJWT } from 'jose';

export const JWT_SECRET = 'a secret of the tests with more than 32 bytes';

export type TestRole = 'viewer' | 'predictor' | 'scientist' | 'admin' | 'service';

/** A valid token of one hour; `claims` replaces or, with undefined, removes any of it. */
export function signToken({
  tenant,
  role = 'admin',
  claims = {},
  secret = JWT_SECRET,
}: {
  tenant: string;
  role?: TestRole;
  claims?: JWTPayload;
  secret?: string;
}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const payload = {
    sub: `${role}@${tenant}.example`,
    tenant_id: tenant,
    roles: [role],
    iat: now,
    exp: now + 3600,
    ...claims,
  };
  return new SignJWT(payload).setProtectedHeader({ alg: 'HS256' }).sign(createSecretKey(secret, 'utf8'));
}
