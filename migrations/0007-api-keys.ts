import type { MigrationInterface, QueryRunner } from 'typeorm';
import { isolateTenants } from './row-level-security.js';

/** Keys by which services sign in without an identity provider. */
export class ApiKeys implements MigrationInterface {
  readonly name = 'ApiKeys1760000000007';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table api_keys (
        id uuid constraint api_keys_pkey primary key,
        tenant_id text not null,
        name text not null,
        prefix text not null,
        last_four text not null,
        roles text[] not null,
        digest bytea not null,
        previous_digest bytea,
        previous_until timestamptz,
        created_by text not null,
        created_at timestamptz not null default now(),
        rotated_at timestamptz,
        last_used_at timestamptz,
        expires_at timestamptz,
        revoked_at timestamptz,
        constraint api_keys_tenant_id_id_key unique (tenant_id, id),
        constraint api_keys_roles_check check (
          cardinality(roles) > 0 and roles <@ array['viewer', 'predictor', 'scientist', 'admin', 'service']
        ),
        constraint api_keys_digest_check check (length(digest) = 32 and length(previous_digest) = 32),
        constraint api_keys_previous_check check ((previous_digest is null) = (previous_until is null))
      );
      create index api_keys_usable_idx on api_keys (tenant_id) where revoked_at is null;
    `);
    await isolateTenants(runner, 'api_keys');
    await runner.query(`
      grant select, insert, update on api_keys to modelplane_app;

      -- Whoever signs in has named no tenant yet: the role without one finds keys by their id, and notes their use.
      create policy sign_in on api_keys for select to modelplane_system using (true);
      create policy use on api_keys for update to modelplane_system using (true) with check (true);
      grant select (id, tenant_id, prefix, roles, digest, previous_digest, previous_until, last_used_at, expires_at, revoked_at),
            update (last_used_at) on api_keys to modelplane_system;
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
