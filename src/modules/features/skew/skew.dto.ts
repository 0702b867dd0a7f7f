import { ApiProperty } from '@nestjs/swagger';
import { PageInfo } from '../../../platform/http/page.js';
import { JobBody } from '../../../platform/jobs/jobs.dto.js';
import { JoinedViewBody } from '../historical/historical.dto.js';
import { ViewsProgressBody } from '../offline/views-progress.dto.js';

export class SubmittedSkewBody {
  /**
   * Id of the job.
   * @example skew-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  job_id: string;

  /**
   * Always submitted.
   * @example submitted
   */
  status: string;

  /**
   * Version that is looked at.
   * @example 1.2.0
   */
  version: string;
}

const ANY_VALUE = [{ type: 'number' }, { type: 'string' }, { type: 'boolean' }, { type: 'array', items: {} }];

export class SkewedRowBody {
  /**
   * Prediction that took the value.
   * @example req-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  request_id: string;

  /**
   * When it was asked for, UTC.
   * @example 2026-02-11T10:00:00.000Z
   */
  time: string;

  /**
   * Keys of its entities.
   * @example {"customer_id": "cust-123"}
   */
  entity: Record<string, unknown>;

  @ApiProperty({
    description: 'What was served; null: nothing.',
    oneOf: ANY_VALUE,
    nullable: true,
    example: 14,
  })
  online: unknown;

  @ApiProperty({
    description: 'What the sources say of that instant; null: nothing.',
    oneOf: ANY_VALUE,
    nullable: true,
    example: 15,
  })
  offline: unknown;

  /**
   * How far two numbers are apart; null of all else.
   * @example 1
   */
  difference: number | null;
}

export class SkewedFeatureBody {
  /**
   * Feature, as the model calls it.
   * @example total_orders
   */
  name: string;

  /**
   * Type of the feature.
   * @example int64
   */
  type: string;

  /**
   * Rows compared.
   * @example 1200
   */
  rows: number;

  /**
   * Rows in which both have the same, also nothing.
   * @example 1188
   */
  equal: number;

  /**
   * Their share; null of no rows.
   * @example 0.99
   */
  equal_share: number | null;

  /**
   * Rows that were served a value of which the sources know nothing.
   * @example 2
   */
  only_online: number;

  /**
   * Rows that were served nothing, of which the sources know a value.
   * @example 4
   */
  only_offline: number;

  /**
   * Mean absolute difference of numbers, over the rows in which both have one; null of all else.
   * @example 0.05
   */
  mean_absolute_difference: number | null;

  /** At most ten rows that differ: those that one side lacks first, then the largest differences. */
  worst: SkewedRowBody[];
}

export class UncomparedFeatureBody {
  /**
   * Feature.
   * @example amount_per_order
   */
  name: string;

  /**
   * Why it was not compared.
   * @example "needs amount of the request, which the log does not have"
   */
  reason: string;
}

export class SkewReportBody {
  /**
   * Rows of predictions by entity in that time.
   * @example 1200
   */
  rows: number;

  /**
   * Floats that differ by no more than this part of the larger one count as equal.
   * @example 1e-9
   */
  relative_tolerance: number;

  /** What the sources know of these rows, a view each. */
  views: JoinedViewBody[];

  /** What was found, a feature each. */
  features: SkewedFeatureBody[];

  /** Features of the version that could not be compared. */
  not_compared: UncomparedFeatureBody[];
}

export class SkewBody extends JobBody {
  /**
   * Model that is looked at.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  /**
   * Version that is looked at.
   * @example 1.2.0
   */
  version: string;

  /**
   * Predictions from this time on.
   * @example 2026-02-11T00:00:00Z
   */
  from: string;

  /**
   * Predictions before this time.
   * @example 2026-02-12T00:00:00Z
   */
  to: string;

  /** How far it is; null before it has begun. */
  progress: ViewsProgressBody | null;

  /** What was found; null until it has succeeded. */
  result: SkewReportBody | null;
}

export class SkewPage {
  /** Jobs, newest first. */
  data: SkewBody[];

  /** Where the page stands. */
  page: PageInfo;
}
