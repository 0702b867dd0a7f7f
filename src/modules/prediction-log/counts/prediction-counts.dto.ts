import { ApiProperty } from '@nestjs/swagger';
import { PageInfo } from '../../../platform/http/page.js';

export class PredictionCountBody {
  /**
   * Beginning of the minute in which the requests came, UTC.
   * @example 2026-02-12T10:00:00.000Z
   */
  window_start: string;

  @ApiProperty({
    description:
      'Version that answered or would have; null of requests that were refused before one was chosen or loaded.',
    type: String,
    nullable: true,
    example: '1.2.0',
  })
  version: string | null;

  /**
   * OK for what was answered, else the code of the problem.
   * @example OK
   */
  code: string;

  /**
   * Requests that ended so. 0 where only rows of batches did.
   * @example 1200
   */
  requests: number;

  /**
   * Rows of these requests, and rows of batches that ended so.
   * @example 3600
   */
  rows: number;
}

export class PredictionCountPage {
  /** Counts, newest minute first. */
  data: PredictionCountBody[];

  /** Where the page stands. */
  page: PageInfo;
}
