import { JOB_STATUSES, type JobStatus } from '../../../platform/jobs/job.entity.js';
import { ApiProperty } from '@nestjs/swagger';

export class AsyncPredictionBody {
  /**
   * Id of the job, to ask for the prediction with.
   * @example pred-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  job_id: string;

  @ApiProperty({ description: 'State of the job.', enum: JOB_STATUSES, example: 'submitted' })
  status: JobStatus;

  /**
   * Id that the prediction will have.
   * @example req-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  request_id: string;

  /**
   * Model that will answer.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  /**
   * Version that will answer: the one that the request names, or that answered by default when it came.
   * @example 1.2.0
   */
  version: string;

  /**
   * When it was submitted, UTC.
   * @example 2026-02-12T10:00:00.125Z
   */
  created_at: string;

  @ApiProperty({
    description:
      'Who submitted it: the subject of the token, or `key:` and the id of the API key; only where the job is asked for.',
    required: false,
    example: 'ana@acme.example',
  })
  submitted_by?: string;

  @ApiProperty({
    description:
      'What the API key begins with that it was submitted with, null where it was a token; only where the job is asked for.',
    type: String,
    nullable: true,
    required: false,
    example: null,
  })
  api_key?: string | null;

  @ApiProperty({
    description: 'The request, with the version that answers; only where the job is asked for.',
    type: Object,
    required: false,
    nullable: true,
    example: { model_id: '550e8400-e29b-41d4-a716-446655440000', features: { total_orders: 15 } },
  })
  request?: object | null;
}
