import { ValidateBy } from 'class-validator';
import { isUuid } from '../../platform/http/identifiers.js';

/** Begins with a letter or digit of any script, and has neither control characters nor `@`. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{M}\p{N} ._:-]{0,127}$/u;

/** Whether a model can have this name: one in the form of an id could not be told from an id. */
export function isModelName(text: string): boolean {
  return NAME.test(text) && !isUuid(text);
}

const RULE = 'must be 1 to 128 letters, digits, spaces or . _ : - and begin with a letter or digit';

/** The name of a model, also of one that is not there yet. */
export const IsModelName = (): PropertyDecorator =>
  ValidateBy({
    name: 'isModelName',
    validator: {
      validate: (value) => typeof value === 'string' && isModelName(value),
      defaultMessage: () => `${RULE}, and must not have the form of an id`,
    },
  });

/** As `IsModelName`, or the id of a model. */
export const IsModelNameOrId = (): PropertyDecorator =>
  ValidateBy({
    name: 'isModelNameOrId',
    validator: {
      validate: (value) => typeof value === 'string' && (isModelName(value) || isUuid(value)),
      defaultMessage: () => `${RULE}, or be the id of a model`,
    },
  });
