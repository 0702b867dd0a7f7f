import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsISO8601, IsNotEmpty, IsString, Matches, MaxLength } from 'class-validator';
import { MayBeAbsent } from '../../../platform/http/may-be-absent.decorator.js';
import { JOB_STATUSES, type JobStatus } from '../../../platform/jobs/job.entity.js';
import { TIME_RULE, WITH_ZONE } from '../log/log.dto.js';

export class ExportPredictionsDto {
  /**
   * Object to write, JSON lines; compressed by gzip where its name ends with .gz.
   * @example s3://predictions/log/churn-2026-02.jsonl.gz
   */
  @IsString()
  @MaxLength(1200)
  output_path: string;

  /**
   * Only requests from this time on.
   * @example 2026-02-01T00:00:00Z
   */
  @MayBeAbsent()
  @IsISO8601({ strict: true }, { message: `from ${TIME_RULE}` })
  @Matches(WITH_ZONE, { message: `from ${TIME_RULE}` })
  from?: string;

  /**
   * Only requests before this time; without it, before the export was asked for.
   * @example 2026-03-01T00:00:00Z
   */
  @MayBeAbsent()
  @IsISO8601({ strict: true }, { message: `to ${TIME_RULE}` })
  @Matches(WITH_ZONE, { message: `to ${TIME_RULE}` })
  to?: string;

  /**
   * Only what this version answered.
   * @example 1.2.0
   */
  @MayBeAbsent()
  @IsString()
  @IsNotEmpty()
  @MaxLength(64)
  version?: string;

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

class ExportError {
  /**
   * What went wrong.
   * @example OBJECT_STORE_UNAVAILABLE
   */
  code: string;

  @ApiProperty({
    description: 'The same in words.',
    example: 'The object store is away. It was tried 3 times.',
  })
  message: string;
}

export class PredictionExportBody {
  /**
   * Id of the job.
   * @example export-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  job_id: string;

  @ApiProperty({ description: 'State of the job.', enum: JOB_STATUSES, example: 'succeeded' })
  status: JobStatus;

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

  @ApiProperty({ description: 'Why it failed, or null.', type: ExportError, nullable: true })
  error: ExportError | null;

  /**
   * When it was submitted, UTC.
   * @example 2026-03-01T10:00:00.125Z
   */
  created_at: string;

  @ApiProperty({
    description: 'When it ended, UTC; null until then.',
    type: String,
    nullable: true,
    example: '2026-03-01T10:00:07.500Z',
  })
  ended_at: string | null;
}
