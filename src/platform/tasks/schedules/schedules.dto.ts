import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsObject, IsString, Matches, MaxLength } from 'class-validator';
import { IsNormalized } from '../../http/is-normalized.decorator.js';
import { MayBeAbsent } from '../../http/may-be-absent.decorator.js';
import { PageInfo } from '../../http/page.js';
import { IsCron, IsIanaTimeZone } from './is-cron.decorator.js';

const NAME = /^(?=\S)\P{C}{1,128}$/u;
const NAME_RULE = 'must be 1 to 128 characters, no control characters among them and no space at the start';

export class CreateScheduleDto {
  /**
   * What people call it; several may have the same.
   * @example "nightly churn scores"
   */
  @IsString()
  @Matches(NAME, { message: `name ${NAME_RULE}` })
  @IsNormalized()
  name: string;

  /**
   * What it submits: the name of a kind of job, such as training or batch.
   * @example batch
   */
  @IsString()
  @MaxLength(64)
  kind: string;

  /**
   * The body that the kind's own POST takes.
   * @example { "model_id": "550e8400-e29b-41d4-a716-446655440000", "input_path": "s3://data/customers.parquet", "output_path": "s3://predictions/churn/", "overwrite": true }
   */
  @IsObject()
  request: Record<string, unknown>;

  /**
   * When: minute, hour, day of month, month and day of week, as cron has them.
   * @example "30 2 * * *"
   */
  @IsString()
  @MaxLength(200)
  @IsCron()
  cron: string;

  /**
   * Time zone of the IANA database in which that is meant; without it UTC.
   * @example Europe/Berlin
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(64)
  @IsIanaTimeZone()
  time_zone?: string;

  /**
   * Whether it runs by itself; without it true.
   * @example true
   */
  @MayBeAbsent()
  @IsBoolean()
  enabled?: boolean;
}

export class UpdateScheduleDto {
  /**
   * What people call it.
   * @example "churn scores of the morning"
   */
  @MayBeAbsent()
  @IsString()
  @Matches(NAME, { message: `name ${NAME_RULE}` })
  @IsNormalized()
  name?: string;

  /**
   * Replaces the body that is submitted.
   * @example { "model_id": "550e8400-e29b-41d4-a716-446655440000", "input_path": "s3://data/customers.parquet", "output_path": "s3://predictions/churn/", "overwrite": true }
   */
  @MayBeAbsent()
  @IsObject()
  request?: Record<string, unknown>;

  /**
   * When, as in `POST`.
   * @example "0 6 * * 1-5"
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(200)
  @IsCron()
  cron?: string;

  /**
   * Time zone of the IANA database.
   * @example America/New_York
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(64)
  @IsIanaTimeZone()
  time_zone?: string;

  /**
   * Whether it runs by itself. Turns that came while it did not are not made up for.
   * @example false
   */
  @MayBeAbsent()
  @IsBoolean()
  enabled?: boolean;
}

class ScheduleErrorBody {
  /**
   * What kind of failure.
   * @example MODEL_NOT_FOUND
   */
  code: string;

  /**
   * What went wrong.
   * @example "There is no model 550e8400-e29b-41d4-a716-446655440000."
   */
  message: string;
}

class LastRunBody {
  @ApiProperty({
    description: 'The turn that it was for, UTC; null where `POST …/run` asked for it.',
    type: String,
    nullable: true,
    example: '2026-02-12T01:30:00.000Z',
  })
  due_at: string | null;

  /**
   * When it ran, UTC.
   * @example 2026-02-12T01:30:02.000Z
   */
  ran_at: string;

  @ApiProperty({
    description: 'Whether a job was submitted. How that ended, the job says.',
    enum: ['submitted', 'failed'],
    example: 'submitted',
  })
  outcome: string;

  /**
   * Whether it is late, and stands for all turns since `due_at` at which nothing ran.
   * @example false
   */
  made_up: boolean;

  @ApiProperty({
    description: 'The job; null where none was submitted.',
    type: String,
    nullable: true,
    example: 'batch-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e',
  })
  job_id: string | null;

  /** Why none was; null where one was. */
  error: ScheduleErrorBody | null;
}

export class ScheduleBody {
  /**
   * Id of the schedule.
   * @example 019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  schedule_id: string;

  /**
   * What people call it.
   * @example "nightly churn scores"
   */
  name: string;

  /**
   * What it submits.
   * @example batch
   */
  kind: string;

  /**
   * The body that is submitted.
   * @example { "model_id": "550e8400-e29b-41d4-a716-446655440000", "input_path": "s3://data/customers.parquet", "output_path": "s3://predictions/churn/", "overwrite": true }
   */
  request: Record<string, unknown>;

  /**
   * When: minute, hour, day of month, month and day of week.
   * @example "30 2 * * *"
   */
  cron: string;

  /**
   * Time zone in which that is meant.
   * @example Europe/Berlin
   */
  time_zone: string;

  /**
   * Whether it runs by itself.
   * @example true
   */
  enabled: boolean;

  @ApiProperty({
    description: 'Its next turn, UTC; null while it is not enabled.',
    type: String,
    nullable: true,
    example: '2026-02-13T01:30:00.000Z',
  })
  next_run_at: string | null;

  /** How it last ran; null before its first run. */
  last_run: LastRunBody | null;

  /**
   * Who made it: its jobs are submitted in this name.
   * @example ana@acme-corp.example
   */
  created_by: string;

  /**
   * When it was made, UTC.
   * @example 2026-02-12T10:00:00.000Z
   */
  created_at: string;

  /**
   * When it was last changed, UTC; runs do not count.
   * @example 2026-02-12T10:00:00.000Z
   */
  updated_at: string;
}

export class SchedulePage {
  /** Schedules, newest first. */
  data: ScheduleBody[];

  /** Where the page stands. */
  page: PageInfo;
}

export class ScheduledJobBody {
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
}
