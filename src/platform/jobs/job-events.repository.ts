import { Injectable } from '@nestjs/common';
import type { TenantScope } from '../database/database.js';
import { JobEvent } from './job.entity.js';
import type { Ending } from './jobs.repository.js';

/** What one event says; its place among the others is given to it when it is written. */
export interface EventBody {
  readonly type: string;
  readonly data: Record<string, unknown>;
}

/** What a job says as it ends: why, where it has failed, as the last line of its log; then how. */
export function closingEvents(ending: Ending): EventBody[] {
  const last = { type: ending.status, data: { ...ending } };
  if (ending.status !== 'failed') return [last];
  const message = `${ending.errorCode}: ${ending.errorMessage}`;
  return [{ type: 'log', data: { level: 'error', message } }, last];
}

/** SQL of what one tenant's jobs say. */
@Injectable()
export class JobEventsRepository {
  /** Adds events of one job, and wakes who streams them once they can be seen. */
  async add({ manager }: TenantScope, events: readonly Partial<JobEvent>[]): Promise<void> {
    for (let start = 0; start < events.length; start += 500) {
      await manager
        .createQueryBuilder()
        .insert()
        .into(JobEvent)
        .values(events.slice(start, start + 500) as never)
        .execute();
    }
    if (events[0]) await manager.query(`select pg_notify('job_events', $1)`, [events[0].jobId]);
  }

  /**
   * Adds the last event of each of these jobs, which have ended while no attempt held them. The caller has their rows
   * locked.
   */
  async addLast({ manager, tenant }: TenantScope, ids: readonly string[], last: EventBody): Promise<void> {
    await manager.query(
      `insert into job_events (tenant_id, job_id, attempt, seq, type, data)
       select job.tenant_id, job.id, job.attempt,
              (select coalesce(max(seq), 0) + 1 from job_events
               where tenant_id = job.tenant_id and job_id = job.id and attempt = job.attempt), $3, $4
       from jobs job where job.tenant_id = $1 and job.id = any ($2)`,
      [tenant, ids, last.type, last.data],
    );
    await manager.query(`select pg_notify('job_events', id) from unnest($1::text[]) as id`, [ids]);
  }

  /** Events in order, of every type or of one, from after the one that `after` names. */
  list(
    { manager, tenant }: TenantScope,
    id: string,
    after: { attempt: number; seq: number },
    limit: number,
    type?: 'log',
  ): Promise<JobEvent[]> {
    const query = manager
      .createQueryBuilder(JobEvent, 'event')
      .where('event.tenant_id = :tenant and event.job_id = :id', { tenant, id })
      .andWhere('(event.attempt, event.seq) > (:attempt, :seq)', after);
    if (type) query.andWhere('event.type = :type', { type });
    return query.orderBy('event.attempt').addOrderBy('event.seq').limit(limit).getMany();
  }
}
