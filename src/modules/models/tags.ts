import { applyDecorators } from '@nestjs/common';
import { Transform } from 'class-transformer';
import { registerDecorator } from 'class-validator';

const MAX_TAGS = 64;
// Half a surrogate pair has no UTF-8 form, and PostgreSQL keeps neither it nor NUL.
const NOT_STORABLE = /\0|\p{Surrogate}/u;

/** An object of at most 64 short texts; a name holds no colon, which parts it from the value in a filter. */
export function IsTags(): PropertyDecorator {
  return applyDecorators(
    // class-transformer's own copy lacks names that every object inherits, such as `constructor`.
    Transform(({ obj, key }) => obj[key]),
    (target: object, propertyName: string | symbol) =>
      registerDecorator({
        name: 'isTags',
        target: target.constructor,
        propertyName: propertyName as string,
        validator: {
          validate: isTags,
          defaultMessage: () =>
            `must be an object of at most ${MAX_TAGS} texts of up to 256 characters, under names of 1 to 64 characters without a colon`,
        },
      }),
  );
}

function isTags(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const entries = Object.entries(value);
  return (
    entries.length <= MAX_TAGS &&
    entries.every(
      ([name, text]) =>
        /^[^:]{1,64}$/.test(name) &&
        typeof text === 'string' &&
        text.length <= 256 &&
        !NOT_STORABLE.test(name + text),
    )
  );
}
