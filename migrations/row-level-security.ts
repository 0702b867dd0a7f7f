import type { QueryRunner } from 'typeorm';

/**
 * Lets modelplane_app see only rows of the tenant that the transaction names. Without one the setting is null
 * or, after an earlier transaction of the connection, the empty string: neither equals a tenant id.
 * The owner, whom forced security would show nothing, sees every row: backups and migrations run as the owner.
 */
export async function isolateTenants(runner: QueryRunner, table: string): Promise<void> {
  const mine = `tenant_id = nullif(current_setting('app.tenant_id', true), '')`;
  await runner.query(`
    alter table ${table} enable row level security;
    alter table ${table} force row level security;
    create policy tenant_isolation on ${table} to modelplane_app using (${mine}) with check (${mine});
  `);
  await admitOwner(runner, table);
}

/** The owner of the tables sees and writes all rows of `table`; the application never logs in as the owner. */
export async function admitOwner(runner: QueryRunner, table: string): Promise<void> {
  await runner.query(`create policy owner_access on ${table} to current_user using (true) with check (true)`);
}
