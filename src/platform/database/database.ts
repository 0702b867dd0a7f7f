import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { DatabaseUnavailable, isDatabaseAway } from './database-unavailable.js';

/** A transaction that sees one tenant's rows. Every repository method takes one. */
export interface TenantScope {
  readonly tenant: string;
  readonly manager: EntityManager;
  /** Runs `action` once this transaction has committed; whoever opened it waits until `action` has ended. */
  readonly afterCommit: (action: () => void | Promise<void>) => void;
}

/** A transaction that work further in joins. */
interface Joinable {
  readonly scope: TenantScope;
  open: boolean;
}

/** The name of the second data source, whose role sees no tenant data but job claims and the catalogue's needs. */
export const SYSTEM = 'system';

/** The only door to the database. */
@Injectable()
export class Database {
  private readonly joinable = new AsyncLocalStorage<Joinable>();

  constructor(
    @InjectDataSource() readonly tenants: DataSource,
    @InjectDataSource(SYSTEM) readonly system: DataSource,
  ) {}

  /**
   * Runs `work` in one transaction in which row-level security shows the rows of `tenant` alone: that of
   * `inOneTransaction` where it runs within, else one of its own.
   * @throws DatabaseUnavailable
   */
  asTenant<T>(tenant: string, work: (scope: TenantScope) => Promise<T>): Promise<T> {
    const outer = this.joinable.getStore();
    if (outer?.open && outer.scope.tenant === tenant) return work(outer.scope);
    return this.begin(tenant, work);
  }

  /** Like `asTenant`, and whatever `work` does as this tenant, however deep, commits with it or not at all. */
  inOneTransaction<T>(tenant: string, work: (scope: TenantScope) => Promise<T>): Promise<T> {
    const outer = this.joinable.getStore();
    if (outer?.open && outer.scope.tenant === tenant) return work(outer.scope);
    return this.begin(tenant, async (scope) => {
      const joinable = { scope, open: true };
      try {
        return await this.joinable.run(joinable, () => work(scope));
      } finally {
        // What `work` started and did not wait for must not use a connection that has gone back to the pool.
        joinable.open = false;
      }
    });
  }

  /** Runs `action` once what was written before can be seen by others: now, unless a transaction around is open. */
  afterCommit(action: () => void): void {
    const outer = this.joinable.getStore();
    if (outer?.open) outer.scope.afterCommit(action);
    else action();
  }

  private async begin<T>(tenant: string, work: (scope: TenantScope) => Promise<T>): Promise<T> {
    const actions: (() => void | Promise<void>)[] = [];
    const afterCommit: TenantScope['afterCommit'] = (action) => void actions.push(action);
    const result = await this.transact(tenant, (manager) => work({ tenant, manager, afterCommit }));
    for (const action of actions) await action();
    return result;
  }

  private async transact<T>(tenant: string, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const runner = this.tenants.createQueryRunner();
    try {
      await runner.connect().catch((error: unknown) => {
        throw new DatabaseUnavailable(error);
      });
      return await runner.manager.transaction(async (manager) => {
        await manager.query(`select set_config('app.tenant_id', $1, true)`, [tenant]);
        return work(manager);
      });
    } catch (error) {
      throw isDatabaseAway(error) ? new DatabaseUnavailable(error) : error;
    } finally {
      await runner.release();
    }
  }
}
