import type { FeatureErrors } from '#libs/inference';
import { fieldsProblem, type Problem } from '../../platform/errors/problem.js';

/** 422 naming every feature that does not fit; the row is named where the caller sent a list of them. */
export function featureProblem({ errors }: FeatureErrors, single: boolean): Problem {
  return fieldsProblem(
    'VALIDATION_ERROR',
    errors.map(({ row, pointer, message }) => ({
      pointer: `/features${single || row === null ? '' : `/${row}`}${pointer}`,
      message,
    })),
  );
}
