import { ValidateBy } from 'class-validator';

/** Text in Unicode's composed form (NFC): two names that look the same and are not cannot both be given. */
export const IsNormalized = (): PropertyDecorator =>
  ValidateBy({
    name: 'isNormalized',
    validator: {
      validate: (value) => typeof value !== 'string' || value.normalize('NFC') === value,
      defaultMessage: () => 'must be in Unicode normalization form C',
    },
  });
