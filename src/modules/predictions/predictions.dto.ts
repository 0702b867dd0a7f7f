// Bodies of requests here are checked by predict-request.ts; these classes document them.
import { ApiExtraModels, ApiProperty, getSchemaPath } from '@nestjs/swagger';
import { ExplanationBody } from './explanations/explanation.dto.js';

/** A class as the training data names it, or a number. */
export const LABEL = { oneOf: [{ type: 'number' }, { type: 'string' }, { type: 'boolean' }] };

export class PredictionOptions {
  /**
   * Also answer the probability of every class.
   * @example true
   */
  return_probabilities?: boolean;

  /**
   * Also answer how much each feature contributed. Costs 100 tokens of the rate limit a row.
   * @example false
   */
  return_explanation?: boolean;

  /**
   * Of an ensemble: also answer each member's own prediction, and `disagreement`.
   * @example false
   */
  return_members?: boolean;

  @ApiProperty({
    description:
      'The class whose probability is explained, as the training data names it, so that contributions of several rows can be compared; without it the class that is predicted, row by row.',
    required: false,
    ...LABEL,
    example: 1,
  })
  class?: string | number | boolean;

  @ApiProperty({
    description:
      'Also answer how sure it is: the interval, or the set of classes, in which the truth lies in this share of cases.',
    required: false,
    type: 'number',
    exclusiveMinimum: 0 as never,
    exclusiveMaximum: 1 as never,
    example: 0.9,
  })
  return_interval?: number;
}

export class IntervalBody {
  /**
   * The least value that the truth is likely to have.
   * @example 81.2
   */
  lower: number;

  /**
   * The greatest.
   * @example 169.8
   */
  upper: number;
}

/** One row as an object, or a list of them. */
const ROWS = {
  oneOf: [
    { type: 'object', additionalProperties: true },
    { type: 'array', items: { type: 'object', additionalProperties: true }, minItems: 1 },
  ],
  example: { total_orders: 15, days_since_last_order: 45, avg_order_value: 125.5, support_tickets: 3 },
};

const SET = { type: 'array' as const, items: LABEL as never };

export class PredictWithEnsembleDto {
  /**
   * Exactly this version of the ensemble; without it the one in production, or, while there has never been one, the
   * newest.
   * @example 1.0.0
   */
  version?: string;

  @ApiProperty({
    description: 'Features of one row by name, or of up to 1,000 rows: those of all members.',
    ...ROWS,
  })
  features: unknown;

  /** What else to answer. */
  options?: PredictionOptions;
}

export class PredictDto {
  /**
   * Model that shall answer: its id or name, or name@stage for the newest version in the stage production, staging or
   * development.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  /**
   * Exactly this version; without it the one in production, or, while there has never been one, the newest. Not beside
   * a stage.
   * @example 1.2.0
   */
  version?: string;

  @ApiProperty({
    description:
      'Features of one row by name, or of up to 1,000 rows. Every feature of the signature must be there, unless it is looked up by entities; null is a missing value.',
    ...ROWS,
    required: false,
  })
  features?: unknown;

  @ApiProperty({
    description:
      'Key columns of one entity, or of up to 1,000: the features that the version was trained on are looked up by them. Those that are sent too win, and come in the same form: of one row, or of as many.',
    ...ROWS,
    required: false,
    example: { customer_id: 'cust-123' },
  })
  entities?: unknown;

  /** What else to answer. */
  options?: PredictionOptions;
}

/** Why a member of an ensemble did not answer. */
export class MemberErrorBody {
  /**
   * A code of errors.
   * @example MODEL_UNAVAILABLE
   */
  code: string;

  /**
   * A sentence for the caller.
   * @example "It did not answer within 500 ms."
   */
  message: string;
}

/** What became of a member of an ensemble. */
export class MemberAnswerBody {
  /**
   * Model that was asked.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  /**
   * Version that answered; of one that did not, the one that the ensemble names, null where the member follows its model.
   * @example 1.2.0
   */
  @ApiProperty({ type: String, nullable: true })
  version: string | null;

  /**
   * Whether it answered, failed, or was not asked because members of a cascade before it were confident enough.
   * @example answered
   */
  @ApiProperty({ enum: ['answered', 'failed', 'not_asked'] })
  status: 'answered' | 'failed' | 'not_asked';

  @ApiProperty({
    description:
      "Share that its answer has in the ensemble's: its weight among those that answered; 0 where it did not, null of stacking.",
    type: Number,
    nullable: true,
    example: 0.4,
  })
  weight: number | null;

  @ApiProperty({
    description: 'Why it did not answer.',
    required: false,
    type: () => MemberErrorBody,
    example: { code: 'MODEL_UNAVAILABLE', message: 'It did not answer within 500 ms.' },
  })
  error?: MemberErrorBody;

  @ApiProperty({
    description:
      'Only with return_members: its own prediction, one item a row; null for a row that a cascade did not ask it for.',
    required: false,
    type: 'array',
    items: { ...LABEL, nullable: true } as never,
    example: [1],
  })
  prediction?: (string | number | boolean | null)[];

  @ApiProperty({
    description:
      'Only with return_members: its own probabilities, in the order of the classes of the ensemble.',
    required: false,
    type: 'array',
    items: { type: 'array', items: { type: 'number' }, nullable: true },
    example: [[0.3, 0.7]],
  })
  probabilities?: (number[] | null)[];
}

/** By feature, why what was looked up is not there. */
const GAPS = {
  type: 'object',
  additionalProperties: { type: 'string', enum: ['NULL', 'MISSING', 'EXPIRED'] },
};

@ApiExtraModels(ExplanationBody, IntervalBody)
export class PredictionBody {
  /**
   * Id of this request.
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

  @ApiProperty({
    description:
      'One item a row: the predicted class as the training data names it, or the predicted number.',
    type: 'array',
    items: LABEL as never,
    example: [1],
  })
  prediction: (string | number | boolean)[];

  @ApiProperty({
    description: 'One list a row: the probability of every class, in the order of `classes`.',
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
  classes?: readonly (string | number | boolean)[];

  @ApiProperty({
    description: 'Probability of the predicted class; one number a row where several rows were asked for.',
    required: false,
    oneOf: [{ type: 'number' }, { type: 'array', items: { type: 'number' } }],
    example: 0.75,
  })
  confidence?: number | number[];

  @ApiProperty({
    description:
      'Probability from which on the second class is answered, where the version has a threshold; the probabilities are as without it.',
    required: false,
    type: 'number',
    example: 0.37,
  })
  threshold?: number;

  @ApiProperty({
    description: 'Regression: where the truth is likely to lie; one a row where several rows were asked for.',
    required: false,
    oneOf: [
      { $ref: getSchemaPath(IntervalBody) },
      { type: 'array', items: { $ref: getSchemaPath(IntervalBody) } },
    ],
    example: { lower: 81.2, upper: 169.8 },
  })
  interval?: IntervalBody | IntervalBody[];

  @ApiProperty({
    description:
      'Classification: classes of which the truth is likely to be one, the most probable first; one list a row where several rows were asked for.',
    required: false,
    oneOf: [SET, { type: 'array', items: SET }],
    example: [1, 0],
  })
  prediction_set?: (string | number | boolean)[] | (string | number | boolean)[][];

  /**
   * Share of rows like those of the calibration whose truth lies in such an interval or set: what was asked for.
   * @example 0.9
   */
  coverage?: number;

  @ApiProperty({
    description: 'How the answer came about; one a row where several rows were asked for.',
    required: false,
    oneOf: [
      { $ref: getSchemaPath(ExplanationBody) },
      { type: 'array', items: { $ref: getSchemaPath(ExplanationBody) } },
    ],
    example: {
      class: 1,
      base_value: 0.31,
      contributions: {
        total_orders: 0.08,
        days_since_last_order: 0.31,
        avg_order_value: -0.02,
        support_tickets: 0.07,
      },
      standard_error: { total_orders: 0, days_since_last_order: 0, avg_order_value: 0, support_tickets: 0 },
      samples: 1400,
      exact: true,
    },
  })
  explanation?: ExplanationBody | ExplanationBody[];

  @ApiProperty({
    description: 'Of an ensemble: what became of each member.',
    required: false,
    type: () => [MemberAnswerBody],
  })
  members?: MemberAnswerBody[];

  @ApiProperty({
    description:
      'Of an ensemble, with return_members: standard deviation over the members of their values, or of the probability that each gives the predicted class; one number a row where several rows were asked for.',
    required: false,
    oneOf: [{ type: 'number' }, { type: 'array', items: { type: 'number' } }],
    example: 0.04,
  })
  disagreement?: number | number[];

  @ApiProperty({
    description:
      'Of a cascade: how many members were asked; one number a row where several rows were asked for.',
    required: false,
    oneOf: [{ type: 'integer' }, { type: 'array', items: { type: 'integer' } }],
    example: 1,
  })
  members_asked?: number | number[];

  @ApiProperty({
    description:
      'Only with entities: of what was looked up the features that are NULL, MISSING or EXPIRED, and were scored as null or by their default; an object, or one a row.',
    required: false,
    oneOf: [GAPS, { type: 'array', items: GAPS }] as never,
    example: { support_tickets: 'EXPIRED' },
  })
  feature_gaps?: Record<string, string> | Record<string, string>[];

  /**
   * Time that the service took, in milliseconds.
   * @example 12.5
   */
  latency_ms: number;

  /**
   * What the caller should know, such as a category that training never saw.
   * @example ["plan: \"platinum\" was not seen in training"]
   */
  warnings?: string[];
}
