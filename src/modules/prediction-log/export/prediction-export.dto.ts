import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsString, MaxLength } from 'class-validator';
import { MayBeAbsent } from '../../../platform/http/may-be-absent.decorator.js';
import { PageInfo } from '../../../platform/http/page.js';
import { JobBody } from '../../../platform/jobs/jobs.dto.js';
import { LoggedPredictionsFilter } from '../prediction-log.dto.js';

export class ExportPredictionsDto extends LoggedPredictionsFilter {
  /**
   * Object to write, JSON lines; compressed by gzip where its name ends with .gz.
   * @example s3://predictions/log/churn-2026-02.jsonl.gz
   */
  @IsString()
  @MaxLength(1200)
  output_path: string;

  /**
   * Write even where the object exists.
   * @example false
   */
  @MayBeAbsent()
  @IsBoolean()
  overwrite?: boolean;
}

export class ExportResult {
  /**
   * Logged predictions written, one a line.
   * @example 20480
   */
  count: number;

  /**
   * Size of the object.
   * @example 1048576
   */
  size_bytes: number;

  /**
   * Digest of the object.
   * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
   */
  sha256: string;
}

export class PredictionExportBody extends JobBody {
  /**
   * Model whose predictions are exported.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  /**
   * Object that is written, whole or not at all.
   * @example s3://predictions/log/churn-2026-02.jsonl.gz
   */
  output_path: string;

  @ApiProperty({
    description: 'Requests from this time on; null: from the first.',
    type: String,
    nullable: true,
    example: '2026-02-01T00:00:00Z',
  })
  from: string | null;

  /**
   * Requests before this time.
   * @example 2026-03-01T00:00:00Z
   */
  to: string;

  @ApiProperty({
    description: 'Only this version; null: every one.',
    type: String,
    nullable: true,
    example: '1.2.0',
  })
  version: string | null;

  @ApiProperty({ description: 'What was written; null until then.', type: ExportResult, nullable: true })
  result: ExportResult | null;
}

export class PredictionExportPage {
  /** Exports, newest first. */
  data: PredictionExportBody[];

  /** Where the page stands. */
  page: PageInfo;
}
