import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { DatabaseUnavailable, isDatabaseAway } from './database-unavailable.js';

/** A transaction that sees one tenant's rows. Every repository method takes one. */
export interface TenantScope {
  readonly tenant: string;
  readonly manager: EntityManager;
}

/** The name of the second data source, whose role sees no tenant data but job claims and the catalogue's needs. */
export const SYSTEM = 'system';

/** The only door to the database. */
@Injectable()
export class Database {
  constructor(
    @InjectDataSource() private readonly app: DataSource,
    @InjectDataSource(SYSTEM) readonly system: DataSource,
  ) {}

  /**
   * Runs `work` in one transaction in which row-level security shows the rows of `tenant` alone.
   * @throws DatabaseUnavailable
   */
  async asTenant<T>(tenant: string, work: (scope: TenantScope) => Promise<T>): Promise<T> {
    const runner = this.app.createQueryRunner();
    try {
      await runner.connect().catch((error: unknown) => {
        throw new DatabaseUnavailable(error);
      });
      return await runner.manager.transaction(async (manager) => {
        await manager.query(`select set_config('app.tenant_id', $1, true)`, [tenant]);
        return work({ tenant, manager });
      });
    } catch (error) {
      throw isDatabaseAway(error) ? new DatabaseUnavailable(error) : error;
    } finally {
      await runner.release();
    }
  }
}
