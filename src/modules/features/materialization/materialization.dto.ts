import { PageInfo } from '../../../platform/http/page.js';
import { JobBody } from '../../../platform/jobs/jobs.dto.js';
import { ViewsProgressBody } from '../offline/views-progress.dto.js';

export class SubmittedMaterializationBody {
  /**
   * Id of the job.
   * @example mat-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  job_id: string;

  /**
   * Always submitted.
   * @example submitted
   */
  status: string;
}

export class RuleViolationBody {
  /**
   * Feature whose values break the rule.
   * @example avg_order_value
   */
  feature: string;

  /**
   * Rule that they break.
   * @example between
   */
  rule: string;

  /**
   * Rows that break it.
   * @example 12
   */
  rows: number;

  /**
   * Their share of the rows that were read.
   * @example 0.0012
   */
  share: number;
}

export class MaterializedViewBody {
  /**
   * View.
   * @example customer_features
   */
  name: string;

  /**
   * Version of the view.
   * @example 1
   */
  version: number;

  /**
   * Rows behind this time were read, by their event or created time; null: from the first.
   * @example 2026-02-11T10:00:00.000Z
   */
  start: string | null;

  /**
   * Rows up to this time were read.
   * @example 2026-02-12T10:00:00.000Z
   */
  end: string;

  /**
   * Rows of the source within that time.
   * @example 20000
   */
  rows_read: number;

  /**
   * Rows without a whole entity key, which are nobody's.
   * @example 0
   */
  rows_skipped_null_key: number;

  /**
   * Entities that these rows belong to.
   * @example 10000
   */
  entities: number;

  /**
   * Entities that the online store knew nothing of.
   * @example 120
   */
  written: number;

  /**
   * Entities whose online value was replaced.
   * @example 9870
   */
  replaced: number;

  /**
   * Entities whose online value is newer and stayed.
   * @example 10
   */
  kept_newer: number;

  /**
   * Rows left out because they break a rule, where the view says `quarantine`.
   * @example 0
   */
  quarantined: number;

  /**
   * Parquet file of these rows; null where there is none.
   * @example s3://tenants/acme-corp/feature-quarantine/mat-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e/customer_features@v1.parquet
   */
  quarantine_path: string | null;

  /**
   * Newest event time among the rows read, UTC; null where none was read.
   * @example 2026-02-12T09:59:30.000000Z
   */
  newest_event_time: string | null;

  /**
   * Infinite values by feature, which are null online.
   * @example {"avg_order_value": 2}
   */
  non_finite: Record<string, number>;

  /** Rules that were broken. */
  violations: RuleViolationBody[];

  /**
   * Memory that the online store takes for an entity of the view, measured; null where nothing was written.
   * @example 184.5
   */
  bytes_per_entity: number | null;
}

export class MaterializationResultBody {
  /** One for each view, in the order of the request. */
  views: MaterializedViewBody[];
}

export class MaterializationBody extends JobBody {
  /**
   * Versions of views that it brings up to date.
   * @example ["customer_features@v1", "order_features@v1"]
   */
  feature_views: string[];

  /**
   * Whether it reads only what is new since the last run.
   * @example true
   */
  incremental: boolean;

  /**
   * Start of the interval that was asked for; null where none was.
   * @example 2026-02-01T00:00:00Z
   */
  start: string | null;

  /**
   * End of the interval that was asked for; null where none was.
   * @example 2026-02-12T00:00:00Z
   */
  end: string | null;

  /** How far it is; null before it has begun. */
  progress: ViewsProgressBody | null;

  /** What it did, a view each; null until it has succeeded. */
  result: MaterializationResultBody | null;
}

export class MaterializationPage {
  /** Jobs, newest first. */
  data: MaterializationBody[];

  /** Where the page stands. */
  page: PageInfo;
}
