import { Injectable } from '@nestjs/common';
import type { TrialReport } from '#libs/compute';
import type { TenantScope } from '../../../platform/database/database.js';
import { type TrialState, TuningTrial } from './trial.entity.js';

/** Which trials of a study. */
export interface TrialFilter {
  readonly states: readonly TrialState[];
  /** Number of the trial behind which the page begins. */
  readonly after: number;
  readonly limit: number;
}

/** Rows of one statement. */
const MAX_ROWS = 500;

/** SQL of one tenant's trials. */
@Injectable()
export class TrialsRepository {
  /**
   * Forgets the trials that an attempt has left in the middle: the next one begins them again.
   * @returns how many have ended
   */
  async forgetUnfinished({ manager, tenant }: TenantScope, jobId: string): Promise<number> {
    await manager.delete(TuningTrial, { tenantId: tenant, jobId, state: 'running' });
    return manager.countBy(TuningTrial, { tenantId: tenant, jobId });
  }

  /** Writes trials as they are now. One that has ended stays as it is. @param trials at most one of a number */
  async put({ manager, tenant }: TenantScope, jobId: string, trials: readonly TrialReport[]): Promise<void> {
    for (let start = 0; start < trials.length; start += MAX_ROWS) {
      await manager.query(
        `insert into tuning_trials (tenant_id, job_id, number, state, origin, parameters, objective_values, feasible,
           metrics, steps, started_at, ended_at, duration_seconds, tries, reason)
         select $1, $2, trial.* from jsonb_to_recordset($3) as trial (number integer, state text, origin text,
           parameters jsonb, values double precision[], feasible boolean, metrics jsonb, steps jsonb,
           started_at timestamptz, ended_at timestamptz, duration_seconds double precision, tries integer, reason text)
         on conflict (tenant_id, job_id, number) do update set state = excluded.state, origin = excluded.origin,
           parameters = excluded.parameters, objective_values = excluded.objective_values, feasible = excluded.feasible,
           metrics = excluded.metrics, steps = excluded.steps, started_at = excluded.started_at,
           ended_at = excluded.ended_at, duration_seconds = excluded.duration_seconds, tries = excluded.tries,
           reason = excluded.reason
         where tuning_trials.state = 'running'`,
        [tenant, jobId, JSON.stringify(trials.slice(start, start + MAX_ROWS))],
      );
    }
  }

  /** Trials by number. */
  list(
    { manager, tenant }: TenantScope,
    jobId: string,
    { states, after, limit }: TrialFilter,
  ): Promise<TuningTrial[]> {
    return manager
      .createQueryBuilder(TuningTrial, 'trial')
      .where('trial.tenant_id = :tenant and trial.job_id = :jobId', { tenant, jobId })
      .andWhere('trial.state in (:...states) and trial.number > :after', { states, after })
      .orderBy('trial.number')
      .limit(limit)
      .getMany();
  }
}
