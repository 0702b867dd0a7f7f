import {
  type ArgumentMetadata,
  type PipeTransform,
  ValidationPipe,
  type ValidationError,
} from '@nestjs/common';
import { type FieldError, invalid, jsonPointer, Problem } from '../errors/problem.js';

/** Far more than any body here needs, far less than what exhausts the stack of those that copy and check it. */
const MAX_DEPTH = 32;

type Name = (...path: string[]) => string;

/** Refuses, with every fault named, a body or query that does not fit its DTO; unknown fields too. */
export class BodyValidationPipe implements PipeTransform {
  private readonly body = validation(jsonPointer);
  private readonly query = validation((...path) => path.join('.'));

  transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    const { type, metatype } = metadata;
    if (type !== 'body') return this.query.transform(value, metadata);
    // Its controller checks it.
    if (metatype === Object) return Promise.resolve(value);
    // A list would be checked item by item, and null as if it were {}.
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw invalid('', 'the body must be a JSON object');
    }
    if (isDeeper(value, MAX_DEPTH))
      throw invalid('', `the body must not nest deeper than ${MAX_DEPTH} levels`);
    return this.body.transform(value, metadata);
  }
}

function validation(nameOf: Name): ValidationPipe {
  return new ValidationPipe({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    exceptionFactory: (errors) => {
      const faults = errors.flatMap((error) => fieldErrors(error, [], nameOf));
      const shown = faults.map(({ pointer, message }) => `${pointer} ${message}`).slice(0, 3);
      return new Problem('INVALID_REQUEST', `${shown.join('; ')}${faults.length > 3 ? '; …' : ''}`, {
        errors: faults,
      });
    },
  });
}

function fieldErrors(error: ValidationError, path: string[], nameOf: Name): FieldError[] {
  const here = [...path, error.property];
  const own = Object.entries(error.constraints ?? {}).map(([rule, message]) => ({
    pointer: nameOf(...here),
    // class-validator begins its messages with the property, which the pointer already names.
    message:
      rule === 'whitelistValidation' ? 'is not a known field' : message.replace(`${error.property} `, ''),
  }));
  return [...own, ...(error.children ?? []).flatMap((child) => fieldErrors(child, here, nameOf))];
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}
