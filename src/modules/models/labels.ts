import { registerDecorator } from 'class-validator';

const MAX_LABELS = 10_000;

/** A list of 2 to 10,000 different texts, numbers or booleans. */
export function IsLabels(): PropertyDecorator {
  return (target: object, propertyName: string | symbol) =>
    registerDecorator({
      name: 'isLabels',
      target: target.constructor,
      propertyName: propertyName as string,
      validator: {
        validate: isLabels,
        defaultMessage: () => `must be a list of 2 to ${MAX_LABELS} different texts, numbers or booleans`,
      },
    });
}

function isLabels(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length >= 2 &&
    value.length <= MAX_LABELS &&
    new Set(value).size === value.length &&
    value.every((label) => ['string', 'number', 'boolean'].includes(typeof label))
  );
}
