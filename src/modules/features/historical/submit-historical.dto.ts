import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsNotEmpty,
  IsObject,
  IsString,
  Matches,
  MaxLength,
} from 'class-validator';
import { MayBeAbsent } from '../../../platform/http/may-be-absent.decorator.js';
import { DATA_FORMATS, type DataFormat } from '../../../platform/storage/data-files.js';

/** Entity rows of a request; more lie in a file. */
const MAX_ROWS = 1000;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

export class SubmitHistoricalDto {
  /**
   * What the set is called, in its path.
   * @example churn-2026-02
   */
  @IsString()
  @Matches(NAME, {
    message: 'name must be 1 to 100 letters, digits, dots, hyphens and underscores, a letter or digit first',
  })
  name: string;

  /**
   * Feature service whose features are joined, under its names. This or feature_refs.
   * @example churn
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(63)
  feature_service?: string;

  /**
   * Features by their references, `view:feature` or `view@v2:feature`.
   * @example ["customer_features:total_orders", "customer_features:avg_order_value"]
   */
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(1000)
  @IsString({ each: true })
  @MaxLength(200, { each: true })
  feature_refs?: string[];

  /**
   * Whether a reference is called view__feature.
   * @example false
   */
  @MayBeAbsent()
  @IsBoolean()
  full_feature_names?: boolean;

  /**
   * Rows that features are joined to: key columns, the time, and what else the set shall hold. This or entity_path.
   * @example [{"customer_id": "cust-123", "event_timestamp": "2026-02-12T10:00:00Z", "churned": 0}]
   */
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_ROWS)
  @IsObject({ each: true })
  entity_rows?: Record<string, unknown>[];

  /**
   * The same as a file, a folder or a glob of Parquet, CSV or JSON lines.
   * @example s3://data/churned.parquet
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(1200)
  entity_path?: string;

  /**
   * Format of entity_path; without it the names of the files tell.
   * @example parquet
   */
  @MayBeAbsent()
  @IsIn(DATA_FORMATS)
  entity_format?: DataFormat;

  /**
   * Column of the time that a row is as of.
   * @example event_timestamp
   */
  @MayBeAbsent()
  @IsString()
  @IsNotEmpty()
  @MaxLength(256)
  timestamp_column?: string;

  /**
   * Take rows of a source also where they were created after that time.
   * @example false
   */
  @MayBeAbsent()
  @IsBoolean()
  ignore_created?: boolean;

  /**
   * Folder for the set, `<name>.parquet`; ends with a slash. Without it a folder of the tenant's own.
   * @example s3://data/sets/
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(1000)
  output_path?: string;

  /**
   * Replace the file of this name.
   * @example false
   */
  @MayBeAbsent()
  @IsBoolean()
  overwrite?: boolean;
}
