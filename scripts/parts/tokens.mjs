import { createHmac } from 'node:crypto';
import { Problem } from './problem.mjs';

export const ROLES = ['viewer', 'predictor', 'scientist', 'admin', 'service'];

const TENANT = /^[a-z0-9][a-z0-9-]{0,62}$/;
const DAY_SECONDS = 24 * 60 * 60;

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A signed token (HS256) for one tenant and role. */
export function signToken({ tenant, role, subject, days = 30, secret, now = Date.now() }) {
  if (!TENANT.test(tenant ?? '')) {
    throw new Problem(
      `--tenant must match ${TENANT.source}, got ${tenant === undefined ? 'nothing' : `"${tenant}"`}`,
    );
  }
  if (!ROLES.includes(role)) {
    throw new Problem(
      `--role must be one of ${ROLES.join(', ')}, got ${role === undefined ? 'nothing' : `"${role}"`}`,
    );
  }
  if (!(days > 0 && days <= 3650)) throw new Problem('--days must be a number above 0 and at most 3650');
  const iat = Math.floor(now / 1000);
  const claims = {
    sub: subject || `${role}@${tenant}`,
    tenant_id: tenant,
    roles: [role],
    iat,
    exp: iat + Math.round(days * DAY_SECONDS),
  };
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

/** The secret that signs development tokens: the environment's, else the one the first start generated. */
export function signingSecret(environment, readSecrets) {
  if (environment.MODELPLANE_JWT_SECRET) return environment.MODELPLANE_JWT_SECRET;
  if (environment.MODELPLANE_ENV === 'production') {
    throw new Problem('In production a token is signed only with MODELPLANE_JWT_SECRET, which is not set');
  }
  const secret = readSecrets()?.jwt_secret;
  if (!secret)
    throw new Problem(
      'There is no secret to sign with yet: run npm start once, or set MODELPLANE_JWT_SECRET',
    );
  return secret;
}
