import { Injectable } from '@nestjs/common';
import { LessThan } from 'typeorm';
import { Database, type TenantScope } from '../../platform/database/database.js';
import { Webhook } from './webhook.entity.js';

/** SQL of webhooks: those of a tenant, and whose events are to be looked at. */
@Injectable()
export class WebhooksRepository {
  constructor(private readonly database: Database) {}

  /** How many the tenant has; until the transaction ends nobody else adds one. */
  async countLocked({ manager, tenant }: TenantScope): Promise<number> {
    await manager.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`webhooks of ${tenant}`]);
    return manager.countBy(Webhook, { tenantId: tenant });
  }

  async insert({ manager, tenant }: TenantScope, webhook: Partial<Webhook>): Promise<void> {
    await manager.insert(Webhook, { ...webhook, tenantId: tenant });
  }

  find({ manager, tenant }: TenantScope, id: string): Promise<Webhook | null> {
    return manager.findOneBy(Webhook, { tenantId: tenant, id });
  }

  lock({ manager, tenant }: TenantScope, id: string): Promise<Webhook | null> {
    return manager.findOne(Webhook, { where: { tenantId: tenant, id }, lock: { mode: 'pessimistic_write' } });
  }

  /** Newest first. */
  list({ manager, tenant }: TenantScope, before: string | undefined, limit: number): Promise<Webhook[]> {
    return manager.find(Webhook, {
      where: { tenantId: tenant, ...(before !== undefined && { id: LessThan(before) }) },
      order: { id: 'DESC' },
      take: limit,
    });
  }

  async update({ manager, tenant }: TenantScope, id: string, change: Partial<Webhook>): Promise<void> {
    await manager.update(Webhook, { tenantId: tenant, id }, change);
  }

  async delete({ manager, tenant }: TenantScope, id: string): Promise<void> {
    await manager.delete(Webhook, { tenantId: tenant, id });
  }

  /** Those of the tenant that are enabled and have come to less than an event's number, until the transaction ends. */
  lockBehind({ manager, tenant }: TenantScope, sequence: number): Promise<Webhook[]> {
    return manager
      .createQueryBuilder(Webhook, 'webhook')
      .where('webhook.tenant_id = :tenant and webhook.enabled', { tenant })
      .andWhere('webhook.position < :sequence', { sequence })
      .orderBy('webhook.id')
      .setLock('pessimistic_write')
      .getMany();
  }

  /** A webhook that may be called now. */
  findCallable({ manager, tenant }: TenantScope, id: string): Promise<Webhook | null> {
    return manager
      .createQueryBuilder(Webhook, 'webhook')
      .where('webhook.tenant_id = :tenant and webhook.id = :id and webhook.enabled', { tenant, id })
      .andWhere('(webhook.not_before is null or webhook.not_before <= clock_timestamp())')
      .getOne();
  }

  /** Every tenant with webhooks that are enabled, and the number that the one farthest behind has come to. */
  async positions(): Promise<{ tenant: string; position: string }[]> {
    const rows = await this.database.system.query(
      'select tenant_id as tenant, min(position) as position from webhooks where enabled group by tenant_id',
    );
    return rows as { tenant: string; position: string }[];
  }
}
