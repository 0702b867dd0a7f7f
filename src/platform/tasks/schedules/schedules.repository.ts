import { Injectable } from '@nestjs/common';
import { Database, type TenantScope } from '../../database/database.js';
import { Schedule } from './schedule.entity.js';

/** SQL of schedules: those of a tenant, and what is due of all. */
@Injectable()
export class SchedulesRepository {
  constructor(private readonly database: Database) {}

  /** The time by which schedules are due. */
  async now({ manager }: TenantScope): Promise<Date> {
    const [row] = await manager.query('select clock_timestamp() as now');
    return (row as { now: Date }).now;
  }

  /** How many the tenant has; until the transaction ends nobody else adds one. */
  async countLocked({ manager, tenant }: TenantScope): Promise<number> {
    await manager.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`schedules of ${tenant}`]);
    return manager.countBy(Schedule, { tenantId: tenant });
  }

  async insert({ manager, tenant }: TenantScope, schedule: Partial<Schedule>): Promise<void> {
    await manager.insert(Schedule, { ...schedule, tenantId: tenant } as never);
  }

  find({ manager, tenant }: TenantScope, id: string): Promise<Schedule | null> {
    return manager.findOneBy(Schedule, { tenantId: tenant, id });
  }

  lock({ manager, tenant }: TenantScope, id: string): Promise<Schedule | null> {
    return manager.findOne(Schedule, {
      where: { tenantId: tenant, id },
      lock: { mode: 'pessimistic_write' },
    });
  }

  /** Locks a schedule whose turn has come; null where it has not, or another process has it locked for its turn. */
  lockDue({ manager, tenant }: TenantScope, id: string): Promise<Schedule | null> {
    return manager
      .createQueryBuilder(Schedule, 'schedule')
      .where('schedule.tenant_id = :tenant and schedule.id = :id', { tenant, id })
      .andWhere('schedule.next_run_at <= clock_timestamp()')
      .setLock('pessimistic_write')
      .setOnLocked('skip_locked')
      .getOne();
  }

  /** Newest first. */
  list({ manager, tenant }: TenantScope, before: string | undefined, limit: number): Promise<Schedule[]> {
    const query = manager
      .createQueryBuilder(Schedule, 'schedule')
      .where('schedule.tenant_id = :tenant', { tenant })
      .orderBy('schedule.id', 'DESC')
      .limit(limit);
    if (before) query.andWhere('schedule.id < :before', { before });
    return query.getMany();
  }

  async update({ manager, tenant }: TenantScope, id: string, change: Partial<Schedule>): Promise<void> {
    await manager.update(Schedule, { tenantId: tenant, id }, change as never);
  }

  async delete({ manager, tenant }: TenantScope, id: string): Promise<void> {
    await manager.delete(Schedule, { tenantId: tenant, id });
  }

  /** Schedules of all tenants whose turn has come, that of the earliest first. */
  async due(limit: number): Promise<{ tenant: string; id: string }[]> {
    const rows = await this.database.system.query(
      `select tenant_id as tenant, id from schedules
       where next_run_at <= clock_timestamp() order by next_run_at, id limit $1`,
      [limit],
    );
    return rows as { tenant: string; id: string }[];
  }
}
