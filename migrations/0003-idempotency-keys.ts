import type { MigrationInterface, QueryRunner } from 'typeorm';
import { isolateTenants } from './row-level-security.js';

/** Answers to requests with an Idempotency-Key; a row commits with what its request made. */
export class IdempotencyKeys implements MigrationInterface {
  readonly name = 'IdempotencyKeys1760000000003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table idempotency_keys (
        tenant_id text not null,
        key text not null,
        fingerprint text not null,
        status integer not null,
        body json,
        created_at timestamptz not null default now(),
        constraint idempotency_keys_pkey primary key (tenant_id, key)
      );
      create index idempotency_keys_age_idx on idempotency_keys (created_at);
    `);
    await isolateTenants(runner, 'idempotency_keys');
    await runner.query(`
      grant select, insert, delete on idempotency_keys to modelplane_app;

      create policy sweep on idempotency_keys to modelplane_system using (true);
      grant select (created_at), delete on idempotency_keys to modelplane_system;
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
