import { PageInfo } from '../../../platform/http/page.js';
import { JobBody } from '../../../platform/jobs/jobs.dto.js';
import { ViewsProgressBody } from '../offline/views-progress.dto.js';

export class SubmittedHistoricalBody {
  /**
   * Id of the job.
   * @example hist-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  job_id: string;

  /**
   * Always submitted.
   * @example submitted
   */
  status: string;

  /**
   * Where the set will lie.
   * @example s3://tenants/acme-corp/feature-sets/churn-2026-02/hist-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e.parquet
   */
  output_path: string;
}

export class SetColumnBody {
  /**
   * Column.
   * @example total_orders
   */
  name: string;

  /**
   * Type of a feature; of a column of the entity rows that of the file.
   * @example int64
   */
  type: string;
}

export class JoinedViewBody {
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
   * Rows with values; of aggregations, with an event in the longest window.
   * @example 980
   */
  matched: number;

  /**
   * Rows with nothing that was known at their time, or without a whole key: their features are null, or the default.
   * @example 15
   */
  missing: number;

  /**
   * Rows whose values had expired by their time: the same.
   * @example 5
   */
  expired: number;
}

export class HistoricalResultBody {
  /**
   * The set, as Parquet: the columns of the entity rows, then the features; rows as they came.
   * @example s3://tenants/acme-corp/feature-sets/churn-2026-02/hist-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e.parquet
   */
  path: string;

  /**
   * Rows, as many as there were entity rows.
   * @example 1000
   */
  rows: number;

  /** Columns in their order. */
  columns: SetColumnBody[];

  /**
   * Bytes of the file.
   * @example 48211
   */
  size_bytes: number;

  /**
   * SHA-256 of the file.
   * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
   */
  data_sha256: string;

  /**
   * SHA-256 of what it was made by: definitions and the ETags of all files that were read. Equal where both are.
   * @example 60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752
   */
  definition_sha256: string;

  /** What was found, a view each. */
  views: JoinedViewBody[];
}

export class HistoricalBody extends JobBody {
  /**
   * What the set is called.
   * @example churn-2026-02
   */
  name: string;

  /**
   * Where it will lie.
   * @example s3://tenants/acme-corp/feature-sets/churn-2026-02/hist-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e.parquet
   */
  output_path: string;

  /** How far it is; null before it has begun. */
  progress: ViewsProgressBody | null;

  /** What it made; null until it has succeeded. */
  result: HistoricalResultBody | null;
}

export class HistoricalPage {
  /** Jobs, newest first. */
  data: HistoricalBody[];

  /** Where the page stands. */
  page: PageInfo;
}
