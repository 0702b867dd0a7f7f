import { Injectable } from '@nestjs/common';
import { Database, type TenantScope } from '../database/database.js';
import type { EventType, NewEvent } from './event-types.js';
import { OutboxEvent } from './outbox.entity.js';

export interface EventFilter {
  /** The number of the last event that was seen; 0 for none. */
  after: string;
  types?: EventType[];
  limit: number;
}

/** SQL of the events. */
@Injectable()
export class OutboxRepository {
  constructor(private readonly database: Database) {}

  /** Whoever listens to `outbox` is told whose events it is as they commit. */
  async insert({ manager, tenant }: TenantScope, id: string, { type, data }: NewEvent): Promise<void> {
    await manager.query(
      `with written as (insert into outbox (id, tenant_id, type, data) values ($1, $2, $3, $4) returning tenant_id)
       select pg_notify('outbox', tenant_id) from written`,
      [id, tenant, type, data],
    );
  }

  /** Oldest first. */
  list({ manager, tenant }: TenantScope, { after, types, limit }: EventFilter): Promise<OutboxEvent[]> {
    const query = manager
      .createQueryBuilder(OutboxEvent, 'event')
      .where('event.tenant_id = :tenant and event.sequence > :after', { tenant, after })
      .orderBy('event.sequence')
      .limit(limit);
    if (types) query.andWhere('event.type = any(:types)', { types });
    return query.getMany();
  }

  /** The number of the tenant's newest event; 0 where there was none. */
  async last({ manager, tenant }: TenantScope): Promise<number> {
    const [row] = await manager.query('select last from outbox_sequences where tenant_id = $1', [tenant]);
    return Number((row as { last: string } | undefined)?.last ?? 0);
  }

  /** The numbers of the newest events of those of these tenants that have any. */
  async lastOf(tenants: readonly string[]): Promise<{ tenant: string; last: string }[]> {
    const rows = await this.database.system.query(
      'select tenant_id as tenant, last from outbox_sequences where tenant_id = any($1)',
      [tenants],
    );
    return rows as { tenant: string; last: string }[];
  }

  /** Deletes events of all tenants that are older, up to `limit`. */
  async deleteOld(days: number, limit: number): Promise<number> {
    const [, deleted] = await this.database.system.query(
      `delete from outbox where id in (
         select id from outbox where created_at < now() - make_interval(days => $1) order by created_at limit $2)`,
      [days, limit],
    );
    return deleted as number;
  }
}
