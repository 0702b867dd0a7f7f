import { ApiProperty } from '@nestjs/swagger';

/** How much each feature moved the answer, from what the model answers on average to what it answers here. */
export class ExplanationBody {
  @ApiProperty({
    description: 'Classification: the class whose probability is explained.',
    required: false,
    oneOf: [{ type: 'number' }, { type: 'string' }, { type: 'boolean' }],
    example: 1,
  })
  class?: string | number | boolean;

  /**
   * Mean answer over the rows of the training data that the version keeps: a probability, or a value.
   * @example 0.31
   */
  base_value: number;

  @ApiProperty({
    description:
      'Shapley value of every feature, in units of the probability or the value. `base_value` and these add up to the prediction.',
    type: 'object',
    additionalProperties: { type: 'number' },
    example: {
      total_orders: 0.08,
      days_since_last_order: 0.31,
      avg_order_value: -0.02,
      support_tickets: 0.07,
    },
  })
  contributions: Record<string, number>;

  @ApiProperty({
    description: 'Standard error of every contribution, from sampling alone; 0 where it is exact.',
    type: 'object',
    additionalProperties: { type: 'number' },
    example: { total_orders: 0, days_since_last_order: 0, avg_order_value: 0, support_tickets: 0 },
  })
  standard_error: Record<string, number>;

  /**
   * Mixtures of the row and rows of the training data that the model scored for it.
   * @example 1400
   */
  samples: number;

  /**
   * Whether every coalition that matters was scored, so that nothing was left to chance.
   * @example true
   */
  exact: boolean;
}
