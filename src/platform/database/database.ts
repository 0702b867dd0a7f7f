import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager, QueryFailedError, type QueryRunner } from 'typeorm';
import { currentContext } from '../observability/request-context.js';
import { withinTime } from '../observability/within-time.js';
import { CONNECT_MS } from './data-source.js';
import { DatabaseUnavailable, isDatabaseAway } from './database-unavailable.js';
import type { ImpatientClient } from './silence-limit.js';

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

/**
 * Longest that a request waits for a transaction to begin, and then for each answer of the database: within 3 s its
 * caller learns that the database is away. The jobs of the same process may have statements that take longer.
 */
export const REQUEST_MS = 2500;

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

  /**
   * Runs queries, and nothing else, as the role that has no tenant.
   * @param isAwaited whether a request waits for them, which then waits no longer than for those of its tenant
   * @throws DatabaseUnavailable
   */
  async asSystem<T>(
    work: (system: DataSource) => Promise<T>,
    isAwaited = currentContext()?.requestId !== undefined,
  ): Promise<T> {
    try {
      const asked = work(this.system);
      return await (isAwaited ? withinTime(asked, REQUEST_MS) : asked);
    } catch (error) {
      // What fails before it is a query failed to connect, or was not answered in time.
      const isAway = !(error instanceof QueryFailedError) || isDatabaseAway(error);
      throw isAway ? new DatabaseUnavailable(error) : error;
    }
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
    const isOfRequest = currentContext()?.requestId !== undefined;
    const start = performance.now();
    const client = await connected(runner);
    try {
      // What waited for a connection has less time left to begin.
      const left = Math.max(1, REQUEST_MS - (performance.now() - start));
      client.limitSilence(isOfRequest ? left : undefined);
      return await runner.manager.transaction(async (manager) => {
        await manager.query(`select set_config('app.tenant_id', $1, true)`, [tenant]);
        if (isOfRequest) client.limitSilence(REQUEST_MS);
        return work(manager);
      });
    } catch (error) {
      throw isDatabaseAway(error) ? new DatabaseUnavailable(error) : error;
    } finally {
      await runner.release();
    }
  }
}

/** @throws DatabaseUnavailable where there is no connection in time, whether the pool or the server has none */
async function connected(runner: QueryRunner): Promise<ImpatientClient> {
  const connecting = runner.connect() as Promise<ImpatientClient>;
  try {
    return await withinTime(connecting, CONNECT_MS);
  } catch (error) {
    // One that comes too late goes back at once.
    const release = () => runner.release();
    void connecting.then(release, release);
    throw new DatabaseUnavailable(error);
  }
}
