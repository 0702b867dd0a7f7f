import { Problem } from '../../platform/errors/problem.js';
import { chooseEstimator } from './estimators.js';

describe('chooseEstimator', () => {
  const chosen = (...input: Parameters<typeof chooseEstimator>) => chooseEstimator(...input).estimator;

  it.each([
    [{}, 'hist_gradient_boosting'],
    [{ n_estimators: 100, max_depth: 10, min_samples_split: 5 }, 'random_forest'],
    [{ n_estimators: 100, max_depth: 10, learning_rate: 0.1 }, 'gradient_boosting'],
    [{ C: 1 }, 'logistic_regression'],
    [{ l2_regularization: 0.1 }, 'hist_gradient_boosting'],
    [{ estimator: 'gradient_boosting' }, 'gradient_boosting'],
    [{ positive: true }, 'linear_regression'],
  ])('takes for sklearn with %j the estimator %s', (hyperparameters, estimator) => {
    expect(chosen('sklearn', undefined, hyperparameters)).toBe(estimator);
  });

  it('looks only at estimators of the model type', () => {
    expect(chosen('sklearn', 'classification', { fit_intercept: true })).toBe('logistic_regression');
    expect(chosen('sklearn', 'regression', { fit_intercept: true })).toBe('linear_regression');
  });

  it('returns the hyperparameters without the name of the estimator', () => {
    expect(
      chooseEstimator('xgboost', undefined, { estimator: 'xgboost', max_depth: 3 }).hyperparameters,
    ).toEqual({ max_depth: 3 });
  });

  it.each([
    ['sklearn', undefined, { estimator: 'svm' }, '/hyperparameters/estimator', /random_forest/],
    ['sklearn', undefined, { estimator: 7 }, '/hyperparameters/estimator', /one of/],
    ['sklearn', undefined, { estimator: 'constructor' }, '/hyperparameters/estimator', /one of/],
    [
      'sklearn',
      'regression',
      { estimator: 'logistic_regression' },
      '/hyperparameters/estimator',
      /does not do regression/,
    ],
    [
      'sklearn',
      undefined,
      { n_estimators: 10, max_dept: 3 },
      '/hyperparameters/max_dept',
      /random_forest has no hyperparameter "max_dept".*max_depth/,
    ],
    ['sklearn', undefined, { toString: 1 }, '/hyperparameters/toString', /has no hyperparameter/],
    [
      'xgboost',
      undefined,
      { max_depth: -1 },
      '/hyperparameters/max_depth',
      /max_depth is -1; it must be integer of at least/,
    ],
    ['xgboost', undefined, { learning_rate: '0.1' }, '/hyperparameters/learning_rate', /"0\.1"/],
    ['lightgbm', undefined, { num_leaves: null }, '/hyperparameters/num_leaves', /null/],
    [
      'sklearn',
      'regression',
      { estimator: 'random_forest', class_weight: 'balanced' },
      '/hyperparameters/class_weight',
      /classification only/,
    ],
  ] as const)('refuses for %s, %s %j', (framework, modelType, hyperparameters, pointer, message) => {
    let thrown: unknown;
    try {
      chooseEstimator(framework, modelType, hyperparameters);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(Problem);
    expect(thrown).toMatchObject({
      status: 422,
      extra: { errors: [{ pointer, message: expect.stringMatching(message) }] },
    });
  });
});
