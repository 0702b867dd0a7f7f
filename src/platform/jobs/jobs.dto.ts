import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { PageInfo, PageQuery } from '../http/page.js';
import { JOB_STATUSES, type JobStatus } from './job.entity.js';

export class ListJobsQuery extends PageQuery {
  @ApiProperty({
    description: 'Only jobs in this state.',
    enum: JOB_STATUSES,
    required: false,
    example: 'running',
  })
  @IsOptional()
  @IsIn(JOB_STATUSES)
  status?: JobStatus;
}

export class ListAllJobsQuery extends ListJobsQuery {
  @ApiProperty({
    description: 'Only jobs of this kind, such as training or batch.',
    required: false,
    example: 'training',
  })
  @IsOptional()
  @IsString()
  @MaxLength(64)
  kind?: string;

  @ApiProperty({
    description: 'Only jobs that this one has submitted.',
    required: false,
    example: 'tune-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e',
  })
  @IsOptional()
  @IsString()
  @MaxLength(128)
  parent_id?: string;
}

class JobErrorBody {
  @ApiProperty({ description: 'What kind of failure.', example: 'COLUMN_NOT_FOUND' })
  code: string;

  @ApiProperty({
    description: 'What went wrong and what to do.',
    example: "There is no column 'total_ordrs'; did you mean 'total_orders'?",
  })
  message: string;
}

/** What every kind of job tells of itself. */
export class JobBody {
  @ApiProperty({ description: 'Id of the job.', example: 'train-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e' })
  job_id: string;

  @ApiProperty({ description: 'State of the job.', enum: JOB_STATUSES, example: 'running' })
  status: JobStatus;

  @ApiProperty({ description: 'Why it failed; null unless it has.', type: JobErrorBody, nullable: true })
  error: JobErrorBody | null;

  @ApiProperty({
    description: 'What the caller should know.',
    type: [String],
    example: ['plan: 12 rows hold values that training has not seen.'],
  })
  warnings: string[];

  @ApiProperty({
    description:
      'Who submitted it: the subject of the token, or `key:` and the id of the API key; of a turn of a schedule, who made the schedule.',
    example: 'ana@acme.example',
  })
  submitted_by: string;

  @ApiProperty({
    description: 'What the API key begins with that it was submitted with; null where it was a token.',
    type: String,
    nullable: true,
    example: null,
  })
  api_key: string | null;

  @ApiProperty({
    description: 'Job whose request it repeats, with or without changes; null where it was submitted anew.',
    type: String,
    nullable: true,
    example: null,
  })
  rerun_of: string | null;

  @ApiProperty({
    description:
      'The request as it was understood, with the choices made and the defaults filled in; null where another release wrote it. Only in the answer about one job.',
    type: Object,
    required: false,
    nullable: true,
    example: { model_name: 'customer_churn_v2', framework: 'sklearn', training_config: { seed: 0 } },
  })
  request?: object | null;

  @ApiProperty({
    description:
      "Where a submitted job stands among the tenant's own submitted jobs of its kind: 1 is the next of them to begin. Jobs of others are not counted, because tenants take turns. null unless it is submitted.",
    type: 'integer',
    minimum: 1,
    nullable: true,
    example: null,
  })
  queue_position: number | null;

  @ApiProperty({
    description: 'How often it was started; more than once after a worker died or it gave way.',
    example: 1,
  })
  attempt: number;

  @ApiProperty({ description: 'Whether it was asked to end.', example: false })
  cancel_requested: boolean;

  @ApiProperty({ description: 'When it was submitted, UTC.', example: '2026-02-12T10:00:00.000Z' })
  created_at: string;

  @ApiProperty({
    description: 'When it was first started, UTC; null until then.',
    type: String,
    nullable: true,
    example: '2026-02-12T10:00:00.100Z',
  })
  started_at: string | null;

  @ApiProperty({ description: 'When its state was last written, UTC.', example: '2026-02-12T10:00:02.000Z' })
  updated_at: string;

  @ApiProperty({
    description: 'When it ended, UTC; null until then.',
    type: String,
    nullable: true,
    example: '2026-02-12T10:00:04.000Z',
  })
  ended_at: string | null;
}

/** How far a phase of a job is. */
export class PhaseProgressBody {
  @ApiProperty({ description: 'What is done.', example: 340 })
  done: number;

  @ApiProperty({ description: 'What there is to do.', example: 2000 })
  total: number;

  @ApiProperty({ description: 'What is counted.', example: 'columns' })
  of: string;
}

class JobLinksBody {
  @ApiProperty({
    description:
      'The job in the collection of its kind, which tells more of it; null for a kind that has none.',
    type: String,
    nullable: true,
    example: '/api/v1/training/train-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e',
  })
  self: string | null;

  @ApiProperty({
    description: 'The collection of its kind; null for a kind that has none.',
    type: String,
    nullable: true,
    example: '/api/v1/training',
  })
  collection: string | null;
}

/** What a list over all kinds tells of a job. */
export class ListedJobBody extends JobBody {
  @ApiProperty({ description: 'Kind of the job.', example: 'training' })
  kind: string;

  @ApiProperty({
    description: 'Job that submitted this one, and is cancelled together with it; null where a caller did.',
    type: String,
    nullable: true,
    example: null,
  })
  parent_id: string | null;

  @ApiProperty({ description: 'Where to read on.' })
  links: JobLinksBody;
}

export class JobPage {
  @ApiProperty({ description: 'Jobs, newest first.', type: [ListedJobBody] })
  data: ListedJobBody[];

  @ApiProperty({ description: 'Where the page stands.' })
  page: PageInfo;
}

/** Open jobs of a kind. */
export class OpenJobsBody {
  @ApiProperty({ description: 'Kind of the jobs.', example: 'training' })
  kind: string;

  @ApiProperty({ description: 'Jobs that run.', example: 1 })
  running: number;

  @ApiProperty({ description: 'Jobs that wait for a worker.', example: 0 })
  waiting: number;

  @ApiProperty({ description: 'Jobs that are paused.', example: 0 })
  paused: number;
}

export class LogLine {
  @ApiProperty({ description: 'When it was written, UTC.', example: '2026-02-12T10:00:01.250Z' })
  time: string;

  @ApiProperty({ description: 'Attempt of the job that wrote it.', example: 1 })
  attempt: number;

  @ApiProperty({ description: 'info, warning or error.', example: 'info' })
  level: string;

  @ApiProperty({ description: 'The line.', example: 'read 5634 rows and 20 columns' })
  message: string;
}

export class LogPage {
  @ApiProperty({ description: 'Lines, oldest first.', type: [LogLine] })
  data: LogLine[];

  @ApiProperty({ description: 'Where the page stands.' })
  page: PageInfo;
}
