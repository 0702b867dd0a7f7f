import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsNumber, Max, Min } from 'class-validator';
import { invalid } from '../../../platform/errors/problem.js';
import { MayBeAbsent } from '../../../platform/http/may-be-absent.decorator.js';

const MOST_COST = 1e9;

const THRESHOLD_METRICS = ['f1', 'youden', 'cost', 'precision', 'recall'] as const;

export class ThresholdDto {
  /**
   * The threshold itself: the second class is answered wherever its probability is at least this.
   * @example 0.37
   */
  @MayBeAbsent()
  @IsNumber()
  @Min(0)
  @Max(1)
  value?: number;

  /**
   * What the threshold is chosen for, among those that were measured: `f1` of the second class, `youden` (recall less
   * false positive rate), the least `cost`, or the most `precision` (`recall`) where recall (precision) is high enough.
   * @example cost
   */
  @MayBeAbsent()
  @IsIn(THRESHOLD_METRICS)
  metric?: (typeof THRESHOLD_METRICS)[number];

  /**
   * For `cost`: what it costs to answer the second class where the first is true.
   * @example 1
   */
  @MayBeAbsent()
  @IsNumber()
  @Min(0)
  @Max(MOST_COST)
  false_positive?: number;

  /**
   * For `cost`: what it costs to answer the first class where the second is true.
   * @example 5
   */
  @MayBeAbsent()
  @IsNumber()
  @Min(0)
  @Max(MOST_COST)
  false_negative?: number;

  /**
   * For `precision`: the least recall.
   * @example 0.8
   */
  @MayBeAbsent()
  @IsNumber()
  @Min(0)
  @Max(1)
  at_recall?: number;

  /**
   * For `recall`: the least precision.
   * @example 0.9
   */
  @MayBeAbsent()
  @IsNumber()
  @Min(0)
  @Max(1)
  at_precision?: number;
}

/** What each metric has to be told beside its name. */
const DETAILS = {
  f1: [],
  youden: [],
  cost: ['false_positive', 'false_negative'],
  precision: ['at_recall'],
  recall: ['at_precision'],
} as const;

/**
 * Refuses a request for a threshold that contradicts itself or lacks something.
 * @param at pointer to it in the body
 * @throws Problem 400
 */
export function refuseUnclear(dto: ThresholdDto, at = ''): void {
  const { value, metric, ...details } = dto;
  if ((value === undefined) === (metric === undefined))
    throw invalid(at, 'must say either a value or a metric to choose the threshold for');
  const needed: readonly string[] = metric ? DETAILS[metric] : [];
  for (const [name, given] of Object.entries(details)) {
    if (given !== undefined && !needed.includes(name))
      throw invalid(`${at}/${name}`, `has no meaning for ${metric ? `the metric ${metric}` : 'a value'}`);
  }
  for (const name of needed) {
    if (details[name as keyof typeof details] === undefined)
      throw invalid(`${at}/${name}`, `must be given for the metric ${metric}`);
  }
  if (metric === 'cost' && dto.false_positive === 0 && dto.false_negative === 0)
    throw invalid(at, 'must have a cost that is not 0');
}

export class ThresholdPointBody {
  /**
   * The second class is answered from this probability on.
   * @example 0.37
   */
  threshold: number;

  @ApiProperty({
    description:
      'Share of the rows answered with the second class that are of it; null where there are none.',
    type: 'number',
    nullable: true,
    example: 0.62,
  })
  precision: number | null;

  /**
   * Share of the rows of the second class that are answered with it.
   * @example 0.71
   */
  recall: number;

  /**
   * Harmonic mean of both.
   * @example 0.66
   */
  f1: number;

  /**
   * Share of the rows of the first class that are answered with the second.
   * @example 0.18
   */
  false_positive_rate: number;
}

export class ThresholdBody {
  @ApiProperty({
    description:
      'Probability from which on the second class is answered; null: the more probable class is answered.',
    type: 'number',
    nullable: true,
    example: 0.37,
  })
  threshold: number | null;

  @ApiProperty({
    description: 'The class whose probability is compared: the second of the two.',
    oneOf: [{ type: 'number' }, { type: 'string' }, { type: 'boolean' }],
    example: 1,
  })
  positive_class: string | number | boolean;

  @ApiProperty({
    description: 'What it was chosen for; null where its value was given, or there is none.',
    type: 'object',
    additionalProperties: true,
    nullable: true,
    example: { metric: 'cost', false_positive: 1, false_negative: 5 },
  })
  choice: object | null;

  @ApiProperty({
    description: 'What was measured of it when it was chosen.',
    type: ThresholdPointBody,
    nullable: true,
  })
  measured: ThresholdPointBody | null;

  @ApiProperty({
    description: 'Who set it.',
    type: 'string',
    nullable: true,
    example: 'ana@acme-corp.example',
  })
  set_by: string | null;

  @ApiProperty({
    description: 'When, UTC.',
    type: 'string',
    nullable: true,
    example: '2026-02-12T10:05:00.000Z',
  })
  set_at: string | null;

  @ApiProperty({
    description:
      'What each of up to 500 thresholds would mean, highest first, on the rows of the calibration; null where there is none.',
    type: [ThresholdPointBody],
    nullable: true,
  })
  curve: ThresholdPointBody[] | null;
}
