import type { MigrationInterface, QueryRunner } from 'typeorm';
import { admitOwner } from './row-level-security.js';

/**
 * Forced row-level security hides every row from the owner of the tables too. Who backs up, restores or fills a new
 * column is the owner, so each table gets a policy that admits it. Tables of later migrations get it as they are made.
 */
export class OwnerAccess implements MigrationInterface {
  readonly name = 'OwnerAccess1760000000050';

  async up(runner: QueryRunner): Promise<void> {
    const tables: { name: string }[] = await runner.query(`
      select quote_ident(relname) as name from pg_class
      where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and relforcerowsecurity
        and not exists (select from pg_policy where polrelid = pg_class.oid and polname = 'owner_access')
      order by relname`);
    for (const { name } of tables) await admitOwner(runner, name);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
