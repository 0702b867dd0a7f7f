import { applyDecorators, type Type } from '@nestjs/common';
import { ApiBody, PartialType } from '@nestjs/swagger';

/** Documents the body of a rerun: any part of the body of a submission. */
export function ApiRerun(submission: Type<object>): MethodDecorator {
  class Changes extends PartialType(submission) {}
  Object.defineProperty(Changes, 'name', { value: submission.name.replace('Submit', 'Rerun') });
  return applyDecorators(
    ApiBody({
      type: Changes,
      required: false,
      description:
        'What is to be different, as a JSON merge patch of the body of that submission (RFC 7396): objects are merged, and null takes a name out.',
    }),
  );
}
