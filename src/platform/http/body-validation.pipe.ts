import {
  type ArgumentMetadata,
  type PipeTransform,
  ValidationPipe,
  type ValidationError,
} from '@nestjs/common';
import { type FieldError, fieldsProblem, invalid, jsonPointer } from '../errors/problem.js';
import { isOptionalBody } from './optional-body.decorator.js';

/** Far more than any body here needs, far less than what exhausts the stack of those that copy and check it. */
const MAX_DEPTH = 32;
/** class-transformer's time grows with the square of an object's names: 50,000 of them block the process for 15 s. */
const MAX_NAMES = 1000;

type Name = (...path: string[]) => string;

/** Refuses, with every fault named, a body or query that does not fit its DTO; unknown fields too. */
export class BodyValidationPipe implements PipeTransform {
  private readonly body = validation(jsonPointer);
  private readonly query = validation((...path) => path.join('.'));

  transform(sent: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    const { type, metatype } = metadata;
    if (type !== 'body') return this.query.transform(sent, metadata);
    const value = sent === undefined && isOptionalBody(metatype) ? {} : sent;
    // Its controller checks it.
    if (metatype === Object) return Promise.resolve(value);
    refuseUnwieldy(value);
    return this.body.transform(value, metadata);
  }
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

/**
 * Lets through what can be copied and checked within bounds.
 * @throws Problem 400 for what is no JSON object, or nests too deep, or holds an object of too many names
 */
export function refuseUnwieldy(body: unknown): asserts body is object {
  // A list would be checked item by item, and null as if it were {}.
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw invalid('', 'the body must be a JSON object');
  }
  refuseUnwieldyWithin(body, MAX_DEPTH);
}

function refuseUnwieldyWithin(value: unknown, levels: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (levels === 0) throw invalid('', `the body must not nest deeper than ${MAX_DEPTH} levels`);
  const inner = Object.values(value);
  if (!Array.isArray(value) && inner.length > MAX_NAMES) {
    throw invalid('', `an object must not hold more than ${MAX_NAMES} names, one holds ${inner.length}`);
  }
  // class-transformer leaves this name out without a word; Fastify's parser refuses `__proto__` itself.
  if (Object.hasOwn(value, 'constructor')) throw invalid('', 'an object must not hold the name constructor');
  for (const item of inner) refuseUnwieldyWithin(item, levels - 1);
}
