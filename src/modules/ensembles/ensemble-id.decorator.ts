import { ApiParam } from '@nestjs/swagger';

export const ApiEnsembleId = (): MethodDecorator =>
  ApiParam({
    name: 'ensemble_id',
    description: 'Id or name of the ensemble, which is those of its model.',
    example: '550e8400-e29b-41d4-a716-446655440000',
  });
