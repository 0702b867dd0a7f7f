import { EstimatorsService, type EstimatorWish } from './estimators.service.js';

describe('the estimator of a search', () => {
  const estimators = new EstimatorsService();
  const forest = { framework: 'sklearn', estimator: 'random_forest' } as const;

  it.each<[string, EstimatorWish, string]>([
    [
      'boosting by its names',
      { names: ['learning_rate', 'n_estimators', 'min_samples_split'] },
      'sklearn gradient_boosting',
    ],
    ['a library by a name of its own', { names: ['num_leaves', 'learning_rate'] }, 'lightgbm lightgbm'],
    ['another by another', { names: ['colsample_bylevel'] }, 'xgboost xgboost'],
    [
      'the one of the training before',
      { names: ['max_iter'], preferred: { framework: 'sklearn', estimator: 'mlp' } },
      'sklearn mlp',
    ],
    [
      'another than that where it lacks a name',
      { names: ['learning_rate', 'n_estimators'], preferred: forest },
      'sklearn gradient_boosting',
    ],
    [
      'another than that where the library is another',
      { framework: 'xgboost', names: ['n_estimators'], preferred: forest },
      'xgboost xgboost',
    ],
    [
      'none that there is no more',
      { names: ['C'], preferred: { framework: 'sklearn', estimator: 'svm' } },
      'sklearn logistic_regression',
    ],
    ['the one that is named', { estimator: 'lightgbm', names: ['n_estimators'] }, 'lightgbm lightgbm'],
    ['the default where nothing is said', { names: [] }, 'sklearn hist_gradient_boosting'],
    ['the one that has most of the names', { names: ['num_leaves', 'max_dept'] }, 'lightgbm lightgbm'],
    [
      'one of the model type',
      { names: ['fit_intercept'], modelType: 'regression' },
      'sklearn linear_regression',
    ],
  ])('should be %s', (_, wish, expected) => {
    const { framework, estimator } = estimators.choose(wish);
    expect(`${framework} ${estimator}`).toBe(expected);
  });

  it.each<[string, EstimatorWish, RegExp]>([
    ['that there is not', { estimator: 'svm', names: [] }, /must be one of random_forest.*lightgbm/],
    ['of another library', { framework: 'sklearn', estimator: 'lightgbm', names: [] }, /for sklearn/],
    ['that all objects have', { estimator: 'constructor', names: [] }, /must be one of/],
    [
      'of another model type',
      { estimator: 'lasso', modelType: 'classification', names: [] },
      /lasso does not do classification/,
    ],
  ])('should not be one %s', (_, wish, message) => {
    expect(() => estimators.choose(wish)).toThrow(message);
  });
});
