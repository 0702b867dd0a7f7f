/** The request for a study of the API document, as written. */
export const SEED_STUDY = {
  model_name: 'customer_churn_v2',
  search_space: {
    n_estimators: { type: 'choice', values: [50, 100, 200, 500] },
    max_depth: { type: 'randint', min: 3, max: 20 },
    learning_rate: { type: 'loguniform', min: 0.0001, max: 0.1 },
    min_samples_split: { type: 'choice', values: [2, 5, 10] },
  },
  objective_metric: 'val_accuracy',
  mode: 'max',
  num_trials: 50,
  algorithm: 'bayesian',
  max_concurrent_trials: 4,
};
