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
