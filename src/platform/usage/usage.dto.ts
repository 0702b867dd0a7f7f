import { ApiProperty } from '@nestjs/swagger';
import { Matches } from 'class-validator';
import { MayBeAbsent } from '../http/may-be-absent.decorator.js';

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const MESSAGE = { message: 'must be a day such as 2026-02-12' };

export class UsageQuery {
  @ApiProperty({
    description: 'First day, UTC; by default 29 days before `to`.',
    required: false,
    type: String,
    format: 'date',
    example: '2026-02-01',
  })
  @MayBeAbsent()
  @Matches(DAY, MESSAGE)
  from?: string;

  @ApiProperty({
    description: 'Last day, UTC; by default today. The window has 92 days at most.',
    required: false,
    type: String,
    format: 'date',
    example: '2026-02-12',
  })
  @MayBeAbsent()
  @Matches(DAY, MESSAGE)
  to?: string;
}

export class UsageDayBody {
  /**
   * The day, UTC.
   * @example 2026-02-12
   */
  day: string;

  /**
   * Requests of all routes that were answered to the tenant's tokens and API keys, refused ones with them.
   * @example 18400
   */
  requests: number;

  /**
   * Rows of answered predictions: single, asynchronous, and those that batches scored.
   * @example 1250000
   */
  rows: number;

  /**
   * Seconds that the tenant's jobs ran, each attempt of them, counted as the attempt ends.
   * @example 842.5
   */
  job_seconds: number;

  @ApiProperty({
    description:
      'Bytes that the tenant kept when they were last looked at on this day, every five minutes; null where they were not.',
    type: Number,
    nullable: true,
    example: 788152320,
  })
  stored_bytes: number | null;
}

export class UsageBody {
  /** Every day of the window, oldest first. */
  data: UsageDayBody[];
}
