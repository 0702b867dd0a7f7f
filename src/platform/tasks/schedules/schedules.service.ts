import { Injectable } from '@nestjs/common';
import { TasksConfig } from '../../../config/index.js';
import type { Identity } from '../../auth/identity.js';
import { Database, type TenantScope } from '../../database/database.js';
import { Problem, unfit } from '../../errors/problem.js';
import { refuseChanged } from '../../http/etag.js';
import { isUuid, newId } from '../../http/identifiers.js';
import { decodeCursor, pageOf, type PageQuery } from '../../http/page.js';
import { nextTurn } from './cron.js';
import { Schedulables, type Submitted } from './schedulables.js';
import type { Schedule } from './schedule.entity.js';
import type { CreateScheduleDto, ScheduleBody, SchedulePage, UpdateScheduleDto } from './schedules.dto.js';
import { SchedulesRepository } from './schedules.repository.js';

/** Schedules as their tenant uses them. */
@Injectable()
export class SchedulesService {
  constructor(
    private readonly config: TasksConfig,
    private readonly database: Database,
    private readonly schedules: SchedulesRepository,
    private readonly schedulables: Schedulables,
  ) {}

  /** @throws Problem as the kind's own POST would, 422 for a kind or time that there is not, or past the tenant's limit */
  async create(caller: Identity, dto: CreateScheduleDto): Promise<ScheduleBody> {
    const { name, kind, request, cron, time_zone: timeZone = 'UTC', enabled = true } = dto;
    this.schedulables.refuseRole(caller, kind);
    await this.schedulables.check(caller, kind, request);
    return this.database.asTenant(caller.tenant, async (scope) => {
      await this.refusePastLimit(scope);
      const id = newId();
      const nextRunAt = await this.nextRun(scope, { cron, timeZone, enabled });
      const schedule = { id, name, kind, request, cron, timeZone, enabled, nextRunAt };
      await this.schedules.insert(scope, { ...schedule, createdBy: caller.subject });
      return this.describe(scope, id);
    });
  }

  list(tenant: string, { cursor, limit }: PageQuery): Promise<SchedulePage> {
    const before = decodeCursor(tenant, cursor, isUuid);
    return this.database.asTenant(tenant, async (scope) => {
      const rows = await this.schedules.list(scope, before, limit + 1);
      return pageOf(rows, limit, tenant, ({ id }) => id, toScheduleBody);
    });
  }

  get(tenant: string, id: string): Promise<ScheduleBody> {
    return this.database.asTenant(tenant, (scope) => this.describe(scope, id));
  }

  /** @throws Problem as `create`, 404, 412 where it is not in the state that `ifMatch` names */
  async update(
    caller: Identity,
    id: string,
    { name, request, cron, time_zone, enabled }: UpdateScheduleDto,
    ifMatch?: string,
  ): Promise<ScheduleBody> {
    const { kind } = await this.get(caller.tenant, id);
    this.schedulables.refuseRole(caller, kind);
    if (request) await this.schedulables.check(caller, kind, request);
    return this.database.asTenant(caller.tenant, async (scope) => {
      const before = await this.lockIn(scope, id, ifMatch);
      const after = {
        cron: cron ?? before.cron,
        timeZone: time_zone ?? before.timeZone,
        enabled: enabled ?? before.enabled,
      };
      const isRetimed =
        after.cron !== before.cron || after.timeZone !== before.timeZone || after.enabled !== before.enabled;
      const nextRunAt = isRetimed ? await this.nextRun(scope, after) : before.nextRunAt;
      const updatedAt = await this.schedules.now(scope);
      await this.schedules.update(scope, id, { name, request, ...after, nextRunAt, updatedAt });
      return this.describe(scope, id);
    });
  }

  /** @throws Problem 404, 412 as `update` */
  remove(caller: Identity, id: string, ifMatch?: string): Promise<void> {
    return this.database.asTenant(caller.tenant, async (scope) => {
      const { kind } = await this.lockIn(scope, id, ifMatch);
      this.schedulables.refuseRole(caller, kind);
      await this.schedules.delete(scope, id);
    });
  }

  /**
   * Submits what the schedule submits now, in the caller's own name; its turns stay as they are.
   * @throws Problem 404, and whatever the kind's own POST does
   */
  run(caller: Identity, id: string): Promise<Submitted> {
    return this.database.inOneTransaction(caller.tenant, async (scope) => {
      const { kind, request } = await this.lockIn(scope, id, undefined);
      this.schedulables.refuseRole(caller, kind);
      const { job_id, status } = await this.schedulables.submit(caller, kind, request);
      const ran_at = (await this.schedules.now(scope)).toISOString();
      const lastRun = {
        due_at: null,
        ran_at,
        outcome: 'submitted' as const,
        made_up: false,
        job_id,
        error: null,
      };
      await this.schedules.update(scope, id, { lastRun });
      return { job_id, status };
    });
  }

  private async nextRun(
    scope: TenantScope,
    { cron, timeZone, enabled }: Pick<Schedule, 'cron' | 'timeZone' | 'enabled'>,
  ): Promise<Date | null> {
    const next = nextTurn(cron, timeZone, await this.schedules.now(scope));
    if (!next) throw unfit('/cron', 'never comes: there is no such day');
    return enabled ? next : null;
  }

  private async refusePastLimit(scope: TenantScope): Promise<void> {
    const { schedulesPerTenant: most } = this.config;
    if ((await this.schedules.countLocked(scope)) < most) return;
    throw new Problem(
      'VALIDATION_ERROR',
      `The tenant has ${most} schedules, as many as it may; delete one first.`,
    );
  }

  private async describe(scope: TenantScope, id: string): Promise<ScheduleBody> {
    return toScheduleBody((isUuid(id) && (await this.schedules.find(scope, id))) || notFound(id));
  }

  /** Locks a schedule for a change, if it is in the state that `ifMatch` names. */
  private async lockIn(scope: TenantScope, id: string, ifMatch: string | undefined): Promise<Schedule> {
    const schedule = (isUuid(id) && (await this.schedules.lock(scope, id))) || notFound(id);
    refuseChanged(ifMatch, toScheduleBody(schedule));
    return schedule;
  }
}

function notFound(id: string): never {
  throw new Problem('NOT_FOUND', `There is no schedule ${id.slice(0, 80)}.`);
}

function toScheduleBody(schedule: Schedule): ScheduleBody {
  const { id, name, kind, request, cron, timeZone, enabled, nextRunAt, lastRun } = schedule;
  return {
    schedule_id: id,
    name,
    kind,
    request,
    cron,
    time_zone: timeZone,
    enabled,
    next_run_at: nextRunAt && nextRunAt.toISOString(),
    last_run: lastRun,
    created_by: schedule.createdBy,
    created_at: schedule.createdAt.toISOString(),
    updated_at: schedule.updatedAt.toISOString(),
  };
}
