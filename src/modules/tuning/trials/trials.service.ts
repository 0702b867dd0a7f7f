import { Injectable } from '@nestjs/common';
import type { TrialReport } from '#libs/compute';
import { Database, type TenantScope } from '../../../platform/database/database.js';
import { decodeCursor, type Page, pageOf } from '../../../platform/http/page.js';
import type { EventBody } from '../../../platform/jobs/job-events.repository.js';
import type { Job } from '../../../platform/jobs/job.entity.js';
import { TRIAL_STATES, type TrialState, type TuningTrial } from './trial.entity.js';
import type { ListTrialsQuery, TrialBody } from './trials.dto.js';
import { TrialsRepository } from './trials.repository.js';

const ENDED = TRIAL_STATES.filter((state) => state !== 'running');
/** Trials that are read at a time. */
const PAGE = 1000;

/** Trials of studies, as their engines tell them. */
@Injectable()
export class TrialsService {
  constructor(
    private readonly database: Database,
    private readonly trials: TrialsRepository,
  ) {}

  /**
   * Forgets what the attempts before have left in the middle.
   * @returns how many trials have ended, which the engine need not tell again
   */
  begin(tenant: string, jobId: string): Promise<number> {
    return this.database.asTenant(tenant, (scope) => this.trials.forgetUnfinished(scope, jobId));
  }

  /** Keeps the trials that events tell of, each as the last of them says. */
  async keep(scope: TenantScope, jobId: string, events: readonly EventBody[]): Promise<void> {
    const told = events.flatMap(({ type, data }) => (type === 'trial' ? [data.trial as TrialReport] : []));
    const last = new Map(told.map((trial) => [trial.number, trial]));
    await this.trials.put(scope, jobId, [...last.values()]);
  }

  /** @param objectives how many the study has */
  async list(
    tenant: string,
    { id, status }: Pick<Job, 'id' | 'status'>,
    objectives: number,
    query: ListTrialsQuery,
  ): Promise<Page<TrialBody>> {
    const after = decodeCursor(tenant, query.cursor, (key) => /^\d{1,9}$/.test(key)) ?? '-1';
    // What the worker of a study that no longer runs has left in the middle runs no longer either.
    const shown: readonly TrialState[] = status === 'running' ? TRIAL_STATES : ENDED;
    const states = shown.filter((state) => (query.state ?? state) === state);
    const filter = { states, after: Number(after), limit: query.limit + 1 };
    const rows =
      states.length === 0
        ? []
        : await this.database.asTenant(tenant, (scope) => this.trials.list(scope, id, filter));
    return pageOf(
      rows,
      query.limit,
      tenant,
      ({ number }) => String(number),
      (row) => toTrialBody(row, objectives),
    );
  }

  /** All ended trials of a study by number, as its engine told them. */
  async *ended(tenant: string, jobId: string): AsyncGenerator<TrialReport> {
    for (let after = -1, page = PAGE; page === PAGE;) {
      const filter = { states: ENDED, after, limit: PAGE };
      const rows = await this.database.asTenant(tenant, (scope) => this.trials.list(scope, jobId, filter));
      yield* rows.map(toReport);
      page = rows.length;
      after = rows.at(-1)?.number ?? after;
    }
  }
}

function toReport({ tenantId: _tenant, jobId: _job, ...trial }: TuningTrial): TrialReport {
  const { number, state, parameters, feasible, metrics, steps, tries, reason } = trial;
  return {
    ...{ number, state, parameters, feasible, metrics, steps, tries, reason },
    origin: trial.origin as TrialReport['origin'],
    values: trial.objectiveValues,
    started_at: trial.startedAt.toISOString(),
    ended_at: trial.endedAt && trial.endedAt.toISOString(),
    duration_seconds: trial.durationSeconds,
  };
}

function toTrialBody(row: TuningTrial, objectives: number): TrialBody {
  const { values, ...trial } = toReport(row);
  const { number, state, origin, parameters, ...rest } = trial;
  const value = objectives === 1 ? { value: values && values[0]! } : { values: values && [...values] };
  return { number, state, origin, parameters, ...value, ...rest, steps: [...rest.steps] };
}
