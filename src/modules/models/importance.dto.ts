export class FeatureImportanceBody {
  /**
   * Feature.
   * @example days_since_last_order
   */
  name: string;

  /**
   * How important it is, in what `metric` says; about 0 or below: not used. null where there was no time for it.
   * @example 0.182
   */
  mean: number | null;

  /**
   * Standard deviation over the repeats; null where it was not shuffled.
   * @example 0.011
   */
  std: number | null;
}

export class LeftOutBody {
  /**
   * Features that were not measured.
   * @example 0
   */
  features: number;

  /**
   * Repeats that were left out.
   * @example 0
   */
  repeats: number;

  /**
   * Rows that were left out.
   * @example 0
   */
  rows: number;
}

export class ImportanceSummaryBody {
  /**
   * How it was found: `permutation` (Breiman 2001) on validation rows, or as the model itself tells: `gain` of the splits
   * of its trees, `coefficient` of a linear model.
   * @example permutation
   */
  method: string;

  /**
   * What `mean` is: the increase of `log_loss` or `squared_error` when the feature's values are shuffled, the
   * `share_of_gain` of all splits that is its own, or the `deviation_of_term`: the standard deviation of its coefficients
   * times its scaled values.
   * @example log_loss
   */
  metric: string;

  /**
   * Loss of the unshuffled rows; null where nothing was shuffled.
   * @example 0.401
   */
  loss: number | null;

  /**
   * Rows that were looked at: validation rows of permutation, else training rows.
   * @example 1409
   */
  rows: number;

  /**
   * Times that each feature was shuffled.
   * @example 5
   */
  repeats: number;

  /**
   * Seed of the shuffling.
   * @example 0
   */
  seed: number;

  /** What `importance_seconds` did not suffice for. */
  left_out: LeftOutBody;
}

export class ImportanceBody extends ImportanceSummaryBody {
  /** Features, the most important first. */
  features: FeatureImportanceBody[];
}

export class VersionImportanceBody extends ImportanceBody {
  /**
   * Model.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  /**
   * Version that was measured.
   * @example 1.2.0
   */
  version: string;
}
