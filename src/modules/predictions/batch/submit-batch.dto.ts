import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNumber,
  IsString,
  Max,
  MaxLength,
  Min,
  MinLength,
} from 'class-validator';
import { MayBeAbsent } from '../../../platform/http/may-be-absent.decorator.js';
import { DATA_FORMATS, type DataFormat } from '../../../platform/storage/data-files.js';
import { IsCoverage } from '../is-coverage.decorator.js';

export const OUTPUT_FORMATS = ['parquet', 'csv'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

export class SubmitBatchDto {
  /**
   * Model that shall answer: its id or name, or name@stage for the newest version in the stage production, staging or
   * development.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  @IsString()
  @MaxLength(300)
  model_id: string;

  /**
   * Exactly this version; without it the one that answers by default now, or is in the stage. The job keeps to it.
   * @example 1.2.0
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(64)
  version?: string;

  /**
   * Rows to score: a file, a folder or a glob of Parquet, CSV or JSON lines.
   * @example s3://data/customers_to_score.parquet
   */
  @IsString()
  @MaxLength(1200)
  input_path: string;

  /**
   * Folder for the output; ends with a slash.
   * @example s3://predictions/churn_scores/
   */
  @IsString()
  @MaxLength(1000)
  output_path: string;

  /**
   * Rows that the model scores at a time.
   * @example 1000
   */
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(100_000)
  batch_size?: number;

  /**
   * Format of the input; without it the names of the files tell.
   * @example parquet
   */
  @MayBeAbsent()
  @IsIn(DATA_FORMATS)
  input_format?: DataFormat;

  /**
   * Format of the output: parquet, unless this says csv.
   * @example parquet
   */
  @MayBeAbsent()
  @IsIn(OUTPUT_FORMATS)
  output_format?: OutputFormat;

  /**
   * Columns of the input that the output repeats; without it all.
   * @example ["customer_id"]
   */
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(10_000)
  @IsString({ each: true })
  @MaxLength(256, { each: true })
  passthrough_columns?: string[];

  /**
   * Share of the rows that may go to `errors/`; beyond it the job fails.
   * @example 0.1
   */
  @MayBeAbsent()
  @IsNumber()
  @Min(0)
  @Max(1)
  max_error_share?: number;

  /**
   * Replace the output of an earlier job at this path.
   * @example false
   */
  @MayBeAbsent()
  @IsBoolean()
  overwrite?: boolean;

  /**
   * In CSV, put an apostrophe before texts that a spreadsheet would run as a formula.
   * @example false
   */
  @MayBeAbsent()
  @IsBoolean()
  csv_safe?: boolean;

  /**
   * Also write how sure each answer is: the interval (`prediction_lower`, `prediction_upper`) or the classes
   * (`prediction_set`, in CSV as JSON) in which the truth lies in this share of cases.
   * @example 0.9
   */
  @MayBeAbsent()
  @IsCoverage()
  return_interval?: number;

  /**
   * Rows name entities: features that the version was trained on and that a row has no column for are joined to it by
   * its key columns, from the files of their views and the rows that were pushed.
   * @example false
   */
  @MayBeAbsent()
  @IsBoolean()
  use_feature_service?: boolean;

  /**
   * Column of the time that the features of a row are as of; without it all are as of when the job is submitted.
   * @example event_timestamp
   */
  @MayBeAbsent()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  timestamp_column?: string;
}
