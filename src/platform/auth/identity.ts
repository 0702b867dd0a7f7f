/** From least to most; each role may do what the ones before it may. `service` stands apart: sample workers only. */
export const ROLES = ['viewer', 'predictor', 'scientist', 'admin'] as const;
export type Role = (typeof ROLES)[number] | 'service';

export const ALL_ROLES: readonly Role[] = [...ROLES, 'service'];

export const TENANT_PATTERN = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** What the subjects of API keys begin with, and those of tokens do not. */
export const KEY_SUBJECT = 'key:';

/** Who calls, as the verified token or API key says. */
export interface Identity {
  subject: string;
  tenant: string;
  roles: readonly Role[];
  /** What the API key begins with that the caller signs in with: all before its secret. */
  apiKey?: string;
}

/** An identity, and when its token or key ends in seconds since 1970. */
export interface VerifiedIdentity extends Identity {
  expiresAt: number;
}

/** Whether one of the caller's roles is `needed` or includes it. */
export function allows(identity: Identity, needed: Role): boolean {
  if (needed === 'service') return identity.roles.includes('service');
  const level = (ROLES as readonly Role[]).indexOf(needed);
  return identity.roles.some((role) => (ROLES as readonly Role[]).indexOf(role) >= level);
}

declare module 'fastify' {
  interface FastifyRequest {
    identity?: Identity;
  }
}
