import { IsIn, IsNotEmpty, IsString, MaxLength } from 'class-validator';
import { MayBeAbsent } from '../../platform/http/may-be-absent.decorator.js';
import { DATA_FORMATS, type DataFormat } from '../../platform/storage/data-files.js';

export class LabelledTableDto {
  /**
   * Labelled rows that the model was not trained on: a file, a folder or a glob of Parquet, CSV or JSON lines.
   * @example s3://data/recent_customers.parquet
   */
  @IsString()
  @MaxLength(1200)
  validation_path: string;

  /**
   * Column that holds the truth; without it what the version's signature names as its target.
   * @example churned
   */
  @MayBeAbsent()
  @IsString()
  @IsNotEmpty()
  @MaxLength(256)
  target_column?: string;

  /**
   * Format of the files; without it their names tell.
   * @example parquet
   */
  @MayBeAbsent()
  @IsIn(DATA_FORMATS)
  format?: DataFormat;
}
