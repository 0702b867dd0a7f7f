import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Database, type TenantScope } from '../../database/database.js';
import { DatabaseUnavailable } from '../../database/database-unavailable.js';
import { asProblem } from '../../errors/problem.filter.js';
import { AppLogger } from '../../observability/logger.js';
import { runInContext } from '../../observability/request-context.js';
import type { TaskLease } from '../task-lease.js';
import { Tasks } from '../tasks.js';
import { nextTurn } from './cron.js';
import { Schedulables } from './schedulables.js';
import type { LastRun, Schedule } from './schedule.entity.js';
import { SchedulesRepository } from './schedules.repository.js';

const EVERY_SECONDS = 5;
const AT_ONCE = 1000;
/** A turn that is later than this was missed: nothing ran when it came. */
const LATE_MS = 60_000;

/**
 * Submits what is due. The job and the schedule's next turn are written in one transaction under the schedule's lock:
 * whatever is killed at whatever moment, each turn is submitted once. Of several turns that were missed, one is.
 */
@Injectable()
export class ScheduleRunner implements OnApplicationBootstrap {
  constructor(
    private readonly database: Database,
    private readonly schedules: SchedulesRepository,
    private readonly schedulables: Schedulables,
    private readonly tasks: Tasks,
    private readonly logger: AppLogger,
  ) {}

  onApplicationBootstrap(): void {
    this.tasks.every('schedules', { seconds: EVERY_SECONDS }, (lease) => this.runDue(lease));
  }

  async runDue(lease?: TaskLease): Promise<void> {
    for (const { tenant, id } of await this.schedules.due(AT_ONCE)) {
      lease?.refuseLost();
      await runInContext({ tenant }, () => this.run(tenant, id)).catch((error: unknown) =>
        this.logger.failure('a schedule stays due', error, { schedule_id: id }),
      );
    }
  }

  private async run(tenant: string, id: string): Promise<void> {
    try {
      await this.database.inOneTransaction(tenant, async (scope) => {
        const schedule = await this.schedules.lockDue(scope, id);
        if (!schedule) return;
        const { job_id } = await this.submit(schedule);
        await this.endTurn(scope, schedule, { outcome: 'submitted', job_id, error: null });
        this.logger.info('schedule ran', { schedule_id: id, job_id });
      });
    } catch (error) {
      if (error instanceof DatabaseUnavailable) throw error;
      await this.fail(tenant, id, error);
    }
  }

  /** As whoever made the schedule, with the least role that may. */
  private submit({ tenantId, createdBy, kind, request }: Schedule): Promise<{ job_id: string }> {
    const roles = [this.schedulables.roleOf(kind)];
    return this.schedulables.submit({ tenant: tenantId, subject: createdBy, roles }, kind, request);
  }

  /** In a transaction of its own, since the one of the submission is rolled back. */
  private async fail(tenant: string, id: string, error: unknown): Promise<void> {
    const { code, detail } = asProblem(error);
    const isOurs = code === 'INTERNAL_ERROR';
    if (isOurs) this.logger.failure('schedule failed', error, { schedule_id: id });
    const message = isOurs ? 'The service failed while it submitted the job; its log has the cause.' : detail;
    await this.database.asTenant(tenant, async (scope) => {
      const schedule = await this.schedules.lockDue(scope, id);
      if (!schedule) return;
      await this.endTurn(scope, schedule, { outcome: 'failed', job_id: null, error: { code, message } });
      this.logger.warn('schedule could not submit', { schedule_id: id, reason: message });
    });
  }

  private async endTurn(
    scope: TenantScope,
    { id, cron, timeZone, nextRunAt }: Schedule,
    result: Pick<LastRun, 'outcome' | 'job_id' | 'error'>,
  ): Promise<void> {
    const dueAt = nextRunAt as Date;
    const now = await this.schedules.now(scope);
    const lastRun: LastRun = {
      due_at: dueAt.toISOString(),
      ran_at: now.toISOString(),
      made_up: now.getTime() - dueAt.getTime() > LATE_MS,
      ...result,
    };
    await this.schedules.update(scope, id, { lastRun, nextRunAt: nextTurn(cron, timeZone, now) });
  }
}
