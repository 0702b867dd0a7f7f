import { ApiProperty, IntersectionType } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsInt,
  IsISO8601,
  IsNotEmpty,
  IsNumber,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import { MayBeAbsent } from '../../platform/http/may-be-absent.decorator.js';
import { PageInfo, PageQuery } from '../../platform/http/page.js';

/** A class as the training data names it, or a number. */
const LABEL = { oneOf: [{ type: 'number' }, { type: 'string' }, { type: 'boolean' }] };

/** Without a zone it would mean another time on another server. */
const WITH_ZONE = /(Z|[+-]\d\d:\d\d)$/;
const TIME_RULE = 'must be a time of ISO 8601 with its zone, such as 2026-02-12T10:00:00Z';

/** Which of the logged predictions. */
export class LoggedPredictionsFilter {
  /**
   * Only requests from this time on.
   * @example 2026-02-12T00:00:00Z
   */
  @MayBeAbsent()
  @IsISO8601({ strict: true }, { message: `from ${TIME_RULE}` })
  @Matches(WITH_ZONE, { message: `from ${TIME_RULE}` })
  from?: string;

  /**
   * Only requests before this time.
   * @example 2026-02-13T00:00:00Z
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
}

export class ListPredictionsQuery extends IntersectionType(PageQuery, LoggedPredictionsFilter) {}

export class LoggedBatchBody {
  /**
   * Job that scored the rows.
   * @example batch-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  job_id: string;

  /**
   * What was scored.
   * @example s3://data/customers_to_score.parquet
   */
  input_path: string;

  /**
   * The manifest, which names every file of the output with its digest.
   * @example s3://predictions/churn_scores/_SUCCESS
   */
  manifest: string;

  /**
   * Digest of the manifest as it was written.
   * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
   */
  manifest_sha256: string;

  /**
   * Rows with a prediction.
   * @example 999988
   */
  rows_scored: number;

  /**
   * Rows without one.
   * @example 12
   */
  rows_failed: number;
}

export class LoggedPredictionBody {
  /**
   * Id of the request.
   * @example req-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  request_id: string;

  /**
   * Model that answered.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  /**
   * Version that answered.
   * @example 1.2.0
   */
  version: string;

  /**
   * When the request came, UTC.
   * @example 2026-02-12T10:00:00.125Z
   */
  time: string;

  /**
   * Rows of the request.
   * @example 1
   */
  row_count: number;

  /**
   * Time that the service took, in milliseconds; of a batch from its submission to its end.
   * @example 12.5
   */
  latency_ms: number;

  @ApiProperty({
    description:
      'Features of one row by name, or a list of rows, as they came but for redacted ones; null of a batch, and in lists where the request had more than 20 rows.',
    nullable: true,
    oneOf: [
      { type: 'object', additionalProperties: true },
      { type: 'array', items: { type: 'object', additionalProperties: true } },
    ],
    example: { total_orders: 15, days_since_last_order: 45, avg_order_value: 125.5, support_tickets: 3 },
  })
  features: object | null;

  @ApiProperty({
    description: 'One item a row; null of a batch, and in lists where the request had more than 20 rows.',
    nullable: true,
    type: 'array',
    items: LABEL as never,
    example: [1],
  })
  prediction: (string | number | boolean)[] | null;

  @ApiProperty({
    description: 'Where they were asked for: the probabilities of every class, one list a row.',
    required: false,
    type: 'array',
    items: { type: 'array', items: { type: 'number' } },
    example: [[0.25, 0.75]],
  })
  probabilities?: number[][];

  @ApiProperty({
    description: 'Classes in the order of the probabilities.',
    required: false,
    type: 'array',
    items: LABEL as never,
    example: [0, 1],
  })
  classes?: (string | number | boolean)[];

  @ApiProperty({
    description: 'Probability of the predicted class; one number a row where several rows were sent.',
    required: false,
    oneOf: [{ type: 'number' }, { type: 'array', items: { type: 'number' } }],
    example: 0.75,
  })
  confidence?: number | number[];

  @ApiProperty({
    description: 'Of a batch: where its rows and predictions lie.',
    required: false,
    type: LoggedBatchBody,
  })
  batch?: LoggedBatchBody;

  /**
   * Deployment whose traffic rules chose the version; absent where none did.
   * @example dep-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  deployment?: string;

  /**
   * Arm of the deployment that answered.
   * @example canary
   */
  arm?: string;

  /**
   * True of an answer that was computed beside another one and that nobody was given.
   * @example true
   */
  shadow?: boolean;

  @ApiProperty({
    description: "Of an ensemble's answer: what became of each member, as the answer says it.",
    required: false,
    type: Object,
    example: {
      members: [
        {
          model_id: '550e8400-e29b-41d4-a716-446655440000',
          version: '1.2.0',
          status: 'answered',
          weight: 1,
        },
      ],
    },
  })
  ensemble?: object;

  @ApiProperty({
    description:
      'Keys of the entities whose features were looked up: of one row, or a list of rows, as `features` has them.',
    required: false,
    oneOf: [
      { type: 'object', additionalProperties: true },
      { type: 'array', items: { type: 'object', additionalProperties: true } },
    ],
    example: { customer_id: 'cust-123' },
  })
  entity_keys?: object;
}

export class LoggedPredictionPage {
  @ApiProperty({ description: 'Predictions, newest first.', type: [LoggedPredictionBody] })
  data: LoggedPredictionBody[];

  @ApiProperty({ description: 'Where the page stands.' })
  page: PageInfo;
}

export class LogSettingsDto {
  /**
   * Share of the model's predictions that are logged, 0 for none; without it, as the service is configured.
   * @example 0.1
   */
  @MayBeAbsent()
  @IsNumber()
  @Min(0)
  @Max(1)
  sample_rate?: number;

  /**
   * Days that they are kept; without it, as the service is configured.
   * @example 90
   */
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(3650)
  retention_days?: number;

  /**
   * Features whose values are left out before anything is written; none without it. Each must be one of a version's.
   * @example ["support_tickets"]
   */
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(1000)
  @ArrayUnique()
  @IsString({ each: true })
  @IsNotEmpty({ each: true })
  @MaxLength(256, { each: true })
  redacted_features?: string[];
}

export class LogSettingsBody {
  /**
   * Model whose predictions are meant.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  /**
   * Share of its predictions that are logged.
   * @example 0.1
   */
  sample_rate: number;

  /**
   * Days that they are kept.
   * @example 90
   */
  retention_days: number;

  /**
   * Features whose values are left out.
   * @example ["support_tickets"]
   */
  redacted_features: string[];

  /**
   * Redacted features that the newest version does not have; absent where there are none.
   * @example ["Version 2.0.0 has no feature \"age\"; if it was renamed there, redact that name too."]
   */
  warnings?: string[];
}
