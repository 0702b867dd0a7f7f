import { ApiProperty } from '@nestjs/swagger';

export class ValidatedColumnBody {
  /**
   * Column.
   * @example days_since_last_order
   */
  name: string;

  /**
   * What it would be to the model: number, integer, boolean, string or timestamp; else the type in the file.
   * @example integer
   */
  type: string;

  /**
   * Share of the rows read that have no value.
   * @example 0.02
   */
  missing_share: number;

  /**
   * Different values in the rows read; null where the column cannot be used.
   * @example 365
   */
  distinct_count: number | null;

  /**
   * Whether the model would use it.
   * @example true
   */
  is_used: boolean;

  /**
   * Why not, as the end of a sentence about it; null where it is used.
   * @example looks like an identifier (600 different values in 600 rows)
   */
  ignored_because: string | null;
}

export class ClassShareBody {
  @ApiProperty({
    description: 'Class as the data names it.',
    oneOf: [{ type: 'number' }, { type: 'string' }, { type: 'boolean' }],
    example: 1,
  })
  label: string | number | boolean;

  /**
   * Its rows among those read.
   * @example 1284
   */
  count: number;

  /**
   * Their share.
   * @example 0.2142
   */
  share: number;
}

export class ValidatedTargetBody {
  /**
   * Column to predict.
   * @example churned
   */
  name: string;

  /**
   * Rows read that have a value of it.
   * @example 5993
   */
  rows: number;

  /** Classification: the classes, at most the 20 most frequent; null for regression. */
  classes: ClassShareBody[] | null;

  /**
   * Regression: min, median, max, mean and std; null for classification.
   * @example { "min": 0, "median": 812.4, "max": 9120.1, "mean": 1010.7, "std": 870.2 }
   */
  values: Record<string, number> | null;
}

export class ValidationProblemBody {
  /**
   * Code with which the job would fail.
   * @example COLUMN_NOT_FOUND
   */
  code: string;

  /**
   * What is wrong and what to do.
   * @example "Target_column: no column 'chrned' (did you mean 'churned'?); the data has 'churned', 'total_orders'."
   */
  message: string;
}

export class TrainingValidationBody {
  /**
   * Whether the job would train, as far as the rows read tell.
   * @example true
   */
  is_trainable: boolean;

  /**
   * Estimator that would train.
   * @example hist_gradient_boosting
   */
  estimator: string;

  /**
   * What it would predict; null where that could not be told.
   * @example classification
   */
  model_type: string | null;

  /**
   * Rows that were read, of training and validation data.
   * @example 6000
   */
  rows_read: number;

  /**
   * Whether these are all rows. Of larger data the first rows of the first files are read.
   * @example true
   */
  is_complete: boolean;

  /** The columns of the data but the target and the excluded ones. */
  columns: ValidatedColumnBody[];

  /** How the target is distributed; null where it could not be read. */
  target: ValidatedTargetBody | null;

  /** Why the job would fail; the first fault found at each step. */
  problems: ValidationProblemBody[];

  /**
   * What the job would be warned of.
   * @example ["40 rows have no value in the target column and would be dropped."]
   */
  warnings: string[];
}
