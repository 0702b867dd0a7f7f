import { PhaseProgressBody } from '../../../platform/jobs/jobs.dto.js';

/** How far a job is that reads views: `feature_progress` of contracts/job-event.v1.schema.json. */
export class ViewsProgressBody {
  /**
   * Views that are done.
   * @example 1
   */
  views_done: number;

  /**
   * Views of the job.
   * @example 2
   */
  views_total: number;

  /**
   * What the job does: read, compute or write, and the view or file.
   * @example write customer_features
   */
  phase?: string;

  /** How far the phase is; null where it does not tell. */
  phase_progress?: PhaseProgressBody | null;

  /**
   * Seconds that each phase took that has ended.
   * @example {"read customer_features": 1.2}
   */
  phase_seconds?: Record<string, number>;

  /**
   * Processor time that the job's process has used so far.
   * @example 2.5
   */
  processor_seconds?: number;
}
