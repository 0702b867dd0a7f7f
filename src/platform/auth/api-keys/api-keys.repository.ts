import { Injectable } from '@nestjs/common';
import { LessThan } from 'typeorm';
import { Database, type TenantScope } from '../../database/database.js';
import { ApiKey } from './api-key.entity.js';

/** What of a key decides whether, and as whom, its bearer signs in. */
export type SignInKey = Pick<
  ApiKey,
  | 'id'
  | 'tenantId'
  | 'prefix'
  | 'roles'
  | 'digest'
  | 'previousDigest'
  | 'previousUntil'
  | 'expiresAt'
  | 'revokedAt'
>;

/** SQL of API keys. */
@Injectable()
export class ApiKeysRepository {
  constructor(private readonly database: Database) {}

  /** Lets one request of the tenant at a time make a key, until its transaction ends. */
  async lockMaking({ manager, tenant }: TenantScope): Promise<void> {
    await manager.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`api keys ${tenant}`]);
  }

  /** How many keys have neither been revoked nor expired. */
  async countUsable({ manager, tenant }: TenantScope): Promise<number> {
    const [row] = await manager.query(
      `select count(*)::int as usable from api_keys
       where tenant_id = $1 and revoked_at is null and (expires_at is null or expires_at > now())`,
      [tenant],
    );
    return (row as { usable: number }).usable;
  }

  insert({ manager, tenant }: TenantScope, key: Partial<ApiKey>): Promise<ApiKey> {
    return manager.save(ApiKey, manager.create(ApiKey, { ...key, tenantId: tenant }));
  }

  find({ manager, tenant }: TenantScope, id: string): Promise<ApiKey | null> {
    return manager.findOneBy(ApiKey, { tenantId: tenant, id });
  }

  lock({ manager, tenant }: TenantScope, id: string): Promise<ApiKey | null> {
    return manager.findOne(ApiKey, { where: { tenantId: tenant, id }, lock: { mode: 'pessimistic_write' } });
  }

  /** Newest first. */
  list({ manager, tenant }: TenantScope, before: string | undefined, limit: number): Promise<ApiKey[]> {
    return manager.find(ApiKey, {
      where: { tenantId: tenant, ...(before !== undefined && { id: LessThan(before) }) },
      order: { id: 'DESC' },
      take: limit,
    });
  }

  async update({ manager, tenant }: TenantScope, id: string, change: Partial<ApiKey>): Promise<void> {
    await manager.update(ApiKey, { tenantId: tenant, id }, change);
  }

  /**
   * Keys of all tenants by their ids, as far as they exist.
   * @throws DatabaseUnavailable
   */
  findForSignIn(ids: readonly string[]): Promise<SignInKey[]> {
    return this.database.asSystem(
      (system) =>
        system.query(
          `select id, tenant_id as "tenantId", prefix, roles, digest, previous_digest as "previousDigest",
                  previous_until as "previousUntil", expires_at as "expiresAt", revoked_at as "revokedAt"
           from api_keys where id = any($1)`,
          [ids],
        ),
      true,
    );
  }

  /** Notes when keys were used, of each at most once a minute, whichever processes saw them. */
  async noteUse(uses: ReadonlyMap<string, Date>): Promise<void> {
    await this.database.system.query(
      `update api_keys set last_used_at = used.at from unnest($1::uuid[], $2::timestamptz[]) as used (id, at)
       where api_keys.id = used.id
         and (last_used_at is null or last_used_at <= used.at - interval '1 minute')`,
      [[...uses.keys()], [...uses.values()]],
    );
  }
}
