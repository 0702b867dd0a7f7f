import {
  type ArgumentMetadata,
  type PipeTransform,
  type Type,
  ValidationPipe,
  type ValidationError,
} from '@nestjs/common';
import { type FieldError, fieldsProblem, invalid, jsonPointer } from '../errors/problem.js';
import { refuseUnwieldy } from './body-shape.js';
import { refuseLongLists } from './list-limits.js';
import { isOptionalBody } from './optional-body.decorator.js';

/** More than any route has; copying and checking thousands takes ten milliseconds. */
const MAX_PARAMETERS = 100;

type Name = (...path: string[]) => string;

/** Refuses, with every fault named, a body or query that does not fit its DTO; unknown fields too. */
export class BodyValidationPipe implements PipeTransform {
  private readonly body = validation(jsonPointer);
  private readonly query = validation((...path) => path.join('.'));

  transform(sent: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    const { type, metatype } = metadata;
    if (type !== 'body') {
      if (type === 'query') refuseManyParameters(sent);
      return this.query.transform(sent, metadata);
    }
    const value = sent === undefined && isOptionalBody(metatype) ? {} : sent;
    // Its controller checks it.
    if (metatype === Object) return Promise.resolve(value);
    refuseSizes(value, metatype!);
    return this.body.transform(value, metadata);
  }
}

/** @throws Problem 400 */
function refuseManyParameters(query: unknown): void {
  if (typeof query === 'object' && query !== null && Object.keys(query).length > MAX_PARAMETERS)
    throw invalid('', `the query must not hold more than ${MAX_PARAMETERS} parameters`);
}

/** What the sizes alone rule out is not looked at any further. @throws Problem 400 */
function refuseSizes(value: unknown, bodyClass: Type): void {
  if (typeof value === 'object' && value !== null) refuseLongLists(value, bodyClass);
  refuseUnwieldy(value);
}

function validation(nameOf: Name): ValidationPipe {
  return new ValidationPipe({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    exceptionFactory: (errors) =>
      fieldsProblem(
        'INVALID_REQUEST',
        errors.flatMap((error) => fieldErrors(error, [], nameOf)),
      ),
  });
}

/** The faults that class-validator found at a field and below it, by the name that `nameOf` makes of a path. */
export function fieldErrors(error: ValidationError, path: string[], nameOf: Name): FieldError[] {
  const here = [...path, error.property];
  const own = Object.entries(error.constraints ?? {}).map(([rule, message]) => ({
    pointer: nameOf(...here),
    // class-validator begins its messages with the property, which the pointer already names.
    message:
      rule === 'whitelistValidation' ? 'is not a known field' : message.replace(`${error.property} `, ''),
  }));
  return [...own, ...(error.children ?? []).flatMap((child) => fieldErrors(child, here, nameOf))];
}
