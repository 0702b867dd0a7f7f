import type { QueryRunner } from 'typeorm';

/**
 * Lets modelplane_app see only rows of the tenant that the transaction names. Without one the setting is null
 * or, after an earlier transaction of the connection, the empty string: neither equals a tenant id.
 */
export async function isolateTenants(runner: QueryRunner, table: string): Promise<void> {
  const mine = `tenant_id = nullif(current_setting('app.tenant_id', true), '')`;
  await runner.query(`
    alter table ${table} enable row level security;
    alter table ${table} force row level security;
    create policy tenant_isolation on ${table} to modelplane_app using (${mine}) with check (${mine});
  `);
}
