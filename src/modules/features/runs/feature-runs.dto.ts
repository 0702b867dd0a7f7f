import { ApiProperty } from '@nestjs/swagger';
import { PageInfo } from '../../../platform/http/page.js';
import { RuleViolationBody } from '../materialization/materialization.dto.js';

export class ValueCountBody {
  @ApiProperty({ description: 'Value.', oneOf: [{ type: 'string' }, { type: 'boolean' }], example: 'gold' })
  value: string | boolean;

  /**
   * Rows that have it.
   * @example 1200
   */
  count: number;
}

export class FeatureStatisticsBody {
  /**
   * Rows of the interval; of aggregations, entities.
   * @example 20000
   */
  rows: number;

  /**
   * Of these, without a value.
   * @example 12
   */
  missing: number;

  @ApiProperty({
    description: 'Least value of numbers, times and texts (the first 64 characters); else null.',
    oneOf: [{ type: 'number' }, { type: 'string' }],
    nullable: true,
    example: 0,
  })
  min: number | string | null;

  @ApiProperty({
    description: 'Greatest value, as `min`.',
    oneOf: [{ type: 'number' }, { type: 'string' }],
    nullable: true,
    example: 42,
  })
  max: number | string | null;

  /**
   * Mean of finite numbers; else null.
   * @example 15.2
   */
  mean: number | null;

  /**
   * Standard deviation of a sample; else null.
   * @example 7.1
   */
  stddev: number | null;

  /**
   * Different values, estimated to within a few per cent (HyperLogLog); null of lists.
   * @example 41
   */
  distinct: number | null;

  /**
   * Share of true among booleans that are not missing.
   * @example 0.25
   */
  true_share?: number | null;

  /** Of texts and booleans, the ten most frequent values. */
  top?: ValueCountBody[];
}

export class FeatureRunBody {
  /**
   * Materialization that measured this.
   * @example mat-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  job_id: string;

  /**
   * When it ended, UTC.
   * @example 2026-02-12T10:00:04.000Z
   */
  ended_at: string;

  /**
   * Rows behind this time were read, by their event or created time; null: from the first.
   * @example 2026-02-11T10:00:00.000Z
   */
  start: string | null;

  /**
   * Rows up to this time were read.
   * @example 2026-02-12T10:00:00.000Z
   */
  end: string;

  /**
   * How many rows were read, and what became of their entities.
   * @example {"rows_read": 20000, "entities": 10000, "written": 120, "replaced": 9870, "kept_newer": 10}
   */
  counts: Record<string, unknown>;

  /** Rules that were broken. */
  violations: RuleViolationBody[];

  @ApiProperty({
    description: 'What the values of each feature were like.',
    type: 'object',
    additionalProperties: { $ref: '#/components/schemas/FeatureStatisticsBody' },
    example: {
      total_orders: { rows: 20000, missing: 12, min: 0, max: 42, mean: 15.2, stddev: 7.1, distinct: 41 },
    },
  })
  statistics: Record<string, FeatureStatisticsBody>;
}

export class FeatureRunPage {
  /** Runs, newest first. */
  data: FeatureRunBody[];

  /** Where the page stands. */
  page: PageInfo;
}
