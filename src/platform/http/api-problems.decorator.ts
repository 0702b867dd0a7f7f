import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiProperty, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { ERROR_STATUS } from '../errors/error-code.js';

class FieldErrorBody {
  @ApiProperty({
    description: 'JSON pointer into the body, or a query parameter.',
    example: '/data_config/target_column',
  })
  pointer: string;

  @ApiProperty({
    description: 'What is wrong with the value and what is allowed.',
    example: 'must be a string',
  })
  message: string;
}

class ProblemBody {
  @ApiProperty({ description: 'Always about:blank: `code` tells problems apart.', example: 'about:blank' })
  type: string;

  @ApiProperty({ description: 'The code in words.', example: 'Model does not exist' })
  title: string;

  @ApiProperty({ description: 'HTTP status.', example: 404 })
  status: number;

  @ApiProperty({
    description: 'What went wrong.',
    enum: Object.keys(ERROR_STATUS),
    example: 'MODEL_NOT_FOUND',
  })
  code: string;

  @ApiProperty({ description: 'What went wrong this time.', example: 'There is no model churn.' })
  detail: string;

  @ApiProperty({
    description: 'Under this id the log knows the request.',
    example: 'req-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e',
  })
  request_id: string;

  @ApiProperty({ description: 'Each field that is at fault.', type: [FieldErrorBody], required: false })
  errors?: FieldErrorBody[];
}

const RETRY_AFTER = {
  'Retry-After': {
    description: 'Seconds after which it is worth to ask again, where that is known.',
    schema: { type: 'integer' as const, minimum: 1, example: 2 },
  },
};

/**
 * Documents the problems a route answers with. From every route can come 400, for two credentials at once, 401, 403,
 * 429, 500, 503, and 507 of a database whose disk is full.
 */
export function ApiProblems(...statuses: number[]): MethodDecorator & ClassDecorator {
  const all = [...new Set([...statuses, 400, 401, 403, 429, 500, 503, 507])].sort();
  const codes = Object.entries(ERROR_STATUS);
  return applyDecorators(
    ApiExtraModels(ProblemBody),
    ...all.map((status) =>
      ApiResponse({
        status,
        description: codes
          .filter(([, of]) => of === status)
          .map(([code]) => code)
          .join(', '),
        content: { 'application/problem+json': { schema: { $ref: getSchemaPath(ProblemBody) } } },
        ...((status === 429 || status === 503) && { headers: RETRY_AFTER }),
      }),
    ),
  );
}
