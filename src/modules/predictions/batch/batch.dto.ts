import { PageInfo } from '../../../platform/http/page.js';
import { JobBody } from '../../../platform/jobs/jobs.dto.js';

export class SubmittedBatchBody {
  /**
   * Id of the job.
   * @example batch-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  job_id: string;

  /**
   * Always submitted.
   * @example submitted
   */
  status: string;

  /**
   * When it may be done if it starts now, UTC: by the size of the input and the speed of the tenant's last batch.
   * @example 2026-02-12T11:00:00.000Z
   */
  estimated_completion: string;
}

export class RerunBatchBody extends SubmittedBatchBody {
  /**
   * Job whose request it repeats.
   * @example batch-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  rerun_of: string;
}

export class BatchProgressBody {
  /**
   * Rows read so far, with those that could not be scored.
   * @example 250000
   */
  rows_done: number;

  /**
   * Rows of the whole input; null where only reading it would tell.
   * @example 1000000
   */
  rows_total: number | null;

  /**
   * Rows so far that could not be scored.
   * @example 12
   */
  rows_failed: number;

  /**
   * Rows a second, of this attempt.
   * @example 450000
   */
  rows_per_second: number;
}

export class BatchResourcesBody {
  /**
   * Threads that score.
   * @example 2
   */
  workers: number;

  /**
   * Time since the job was first started, in minutes, up to its end.
   * @example 0.5
   */
  duration_minutes: number;
}

export class BatchResultBody {
  /**
   * Id under which the prediction log knows the batch.
   * @example req-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  request_id: string;

  /**
   * The manifest; what it does not name is not part of the output.
   * @example s3://predictions/churn_scores/_SUCCESS
   */
  manifest: string;

  /**
   * Parts of the output.
   * @example 4
   */
  parts: number;

  /**
   * Rows of the input.
   * @example 1000000
   */
  rows_read: number;

  /**
   * Rows with a prediction.
   * @example 999988
   */
  rows_scored: number;

  /**
   * Rows in `errors/`.
   * @example 12
   */
  rows_failed: number;

  /**
   * Time that the last attempt took from the first row read to the last one written.
   * @example 2.214
   */
  scoring_seconds: number;

  /**
   * Rows a second in that time.
   * @example 451671.2
   */
  rows_per_second: number;

  /**
   * Bytes of the input.
   * @example 206695769
   */
  input_bytes: number;
}

export class BatchBody extends JobBody {
  /**
   * Model that scores.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  /**
   * Version that scores: the one asked for, or that answered by default when the job was submitted.
   * @example 1.2.0
   */
  version: string;

  /**
   * What is scored.
   * @example s3://data/customers_to_score.parquet
   */
  input_path: string;

  /**
   * Where the output goes.
   * @example s3://predictions/churn_scores/
   */
  output_path: string;

  /** How far it is; null before its first rows. */
  progress: BatchProgressBody | null;

  /**
   * When it will be done if it goes on as it does, or was done, UTC.
   * @example 2026-02-12T11:00:00.000Z
   */
  estimated_completion: string;

  /** What it uses. */
  resources: BatchResourcesBody;

  /** What it made; null until it has succeeded. */
  result: BatchResultBody | null;
}

export class BatchPage {
  /** Jobs, newest first. */
  data: BatchBody[];

  /** Where the page stands. */
  page: PageInfo;
}
