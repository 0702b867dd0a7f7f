import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { ValidateBy } from 'class-validator';

export const COVERAGE_RULE =
  'must be a number of more than 0 and less than 1, such as 0.9: how often the truth shall lie within';

/** How often the truth shall lie within an interval or set. */
export function isCoverage(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value < 1;
}

/** A coverage in a body. */
export const IsCoverage = (): PropertyDecorator =>
  applyDecorators(
    ApiProperty({ type: 'number', exclusiveMinimum: 0 as never, exclusiveMaximum: 1 as never }),
    ValidateBy({
      name: 'isCoverage',
      validator: { validate: isCoverage, defaultMessage: () => COVERAGE_RULE },
    }),
  );
