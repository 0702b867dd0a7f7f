import { ApiParam } from '@nestjs/swagger';

/** Documents the path parameter `model_id`. */
export const ApiModelId = (): MethodDecorator =>
  ApiParam({
    name: 'model_id',
    description: 'Id or name of the model.',
    example: '550e8400-e29b-41d4-a716-446655440000',
  });

/** Documents the path parameter `version`. */
export const ApiVersion = (): MethodDecorator =>
  ApiParam({ name: 'version', description: 'Number of the version.', example: '1.2.0' });

/** Documents the path parameter `job_id`. */
export const ApiJobId = (prefix: string): MethodDecorator =>
  ApiParam({
    name: 'job_id',
    description: 'Id of the job.',
    example: `${prefix}-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e`,
  });
