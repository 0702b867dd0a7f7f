export class MeasuredCoverageBody {
  /**
   * Coverage that was asked for.
   * @example 0.9
   */
  coverage: number;

  /**
   * Share of the rows that was covered, each half of them calibrated by the other.
   * @example 0.903
   */
  measured: number;

  /**
   * Mean width of the intervals, or mean number of classes of the sets.
   * @example 1.21
   */
  mean_size: number;
}

export class CalibrationBody {
  /**
   * Model.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  /**
   * Version that was calibrated.
   * @example 1.2.0
   */
  version: string;

  /**
   * Labelled rows that calibrated it.
   * @example 1409
   */
  rows: number;

  /**
   * Where they are from: `held_out` of the training data, its `validation_files`, or a `table` that was named later.
   * @example held_out
   */
  source: string;

  /**
   * The highest coverage that so many rows allow.
   * @example 0.9992
   */
  highest_coverage: number;

  /** How often the truth was covered; of few rows only what half of them allow. */
  measured: MeasuredCoverageBody[];

  /**
   * What to know of it.
   * @example []
   */
  warnings: string[];

  /**
   * Job that measured it.
   * @example train-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  job_id: string;

  /**
   * Who asked for it.
   * @example ana@acme-corp.example
   */
  created_by: string;

  /**
   * When, UTC.
   * @example 2026-02-12T10:04:00.000Z
   */
  created_at: string;
}
