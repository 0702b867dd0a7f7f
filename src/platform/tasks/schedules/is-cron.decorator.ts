import { ValidateBy } from 'class-validator';
import { cronFault, isTimeZone } from './cron.js';

/** A cron expression of five fields. */
export const IsCron = (): PropertyDecorator =>
  ValidateBy({
    name: 'isCron',
    validator: {
      validate: (value) => typeof value !== 'string' || cronFault(value) === undefined,
      defaultMessage: (args) => cronFault(args?.value as string) ?? '',
    },
  });

/** A time zone of the IANA database. */
export const IsIanaTimeZone = (): PropertyDecorator =>
  ValidateBy({
    name: 'isIanaTimeZone',
    validator: {
      validate: (value) => typeof value !== 'string' || isTimeZone(value),
      defaultMessage: () =>
        'must be the name of a time zone of the IANA database, such as Europe/Berlin or UTC',
    },
  });
