import { Env, integer, secret, text, url } from './environment.js';

/** Who may call. For tokens exactly one of a shared secret (HS256) and a JWKS URL (RS256, ES256, EdDSA). */
export class AuthConfig {
  @Env('MODELPLANE_JWT_SECRET', secret, 'HS256 secret of at least 32 bytes; development generates one.')
  secret = '';

  @Env('MODELPLANE_JWT_JWKS_URL', url, 'JWKS of the identity provider, instead of the secret.')
  jwksUrl = '';

  @Env('MODELPLANE_JWT_ISSUER', text, 'Required `iss` of a token; empty: not checked.')
  issuer = '';

  @Env('MODELPLANE_JWT_AUDIENCE', text, 'Required `aud` of a token; empty: not checked.')
  audience = '';

  @Env('MODELPLANE_JWT_CLOCK_TOLERANCE_SECONDS', integer(0, 300), "How far the issuer's clock may be off.")
  clockToleranceSeconds = 5;

  @Env('MODELPLANE_JWT_TENANT_CLAIM', text, 'Claim that holds the tenant id.')
  tenantClaim = 'tenant_id';

  @Env('MODELPLANE_JWT_ROLES_CLAIM', text, 'Claim that holds the role, or a list of roles.')
  rolesClaim = 'roles';

  @Env(
    'MODELPLANE_API_KEYS_PER_TENANT',
    integer(0, 1_000_000),
    'API keys that a tenant may have at once, those that were revoked or have expired not counted.',
  )
  apiKeysPerTenant = 10_000;
}
