import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../../config/project.js';
import type { ModelType } from '../models/model.entity.js';
import { EstimatorsService } from '../training/estimators.service.js';
import { countPoints, faultOfValue, readSpace, type SpaceParameter } from './search-space.js';

const estimators = new EstimatorsService();
const boosting = estimators.choose({ estimator: 'gradient_boosting', names: [] });

const SEED = {
  n_estimators: { type: 'choice', values: [50, 100, 200, 500] },
  max_depth: { type: 'randint', min: 3, max: 20 },
  learning_rate: { type: 'loguniform', min: 0.0001, max: 0.1 },
  min_samples_split: { type: 'choice', values: [2, 5, 10] },
};

describe('a search space', () => {
  it('should be read by name, whatever the order of its request', () => {
    const { space, errors } = readSpace(SEED, boosting);
    expect(errors).toEqual([]);
    expect(space.map(({ name }) => name)).toEqual([
      'learning_rate',
      'max_depth',
      'min_samples_split',
      'n_estimators',
    ]);
    const reversed = Object.fromEntries(Object.entries(SEED).reverse());
    expect(readSpace(reversed, boosting).space).toEqual(space);
  });

  it('should have each parameter behind those that it depends on', () => {
    const sgd = estimators.choose({ estimator: 'sgd', names: [] });
    const { space, errors } = readSpace(
      {
        alpha: { type: 'loguniform', min: 1e-6, max: 1, when: { l1_ratio: 0.5 } },
        l1_ratio: { type: 'quniform', min: 0, max: 1, q: 0.25, when: { penalty: 'elasticnet' } },
        penalty: { type: 'choice', values: ['l2', 'elasticnet', null] },
      },
      sgd,
    );
    expect(errors).toEqual([]);
    expect(space.map(({ name }) => name)).toEqual(['penalty', 'l1_ratio', 'alpha']);
  });

  it.each<[string, object, string, RegExp]>([
    [
      'an unknown hyperparameter',
      { max_dept: { type: 'randint', min: 3, max: 20 } },
      '/search_space/max_dept',
      /gradient_boosting has no hyperparameter "max_dept"; did you mean max_depth/,
    ],
    [
      'one unlike any',
      { zzz: { type: 'randint', min: 3, max: 20 } },
      '/search_space/zzz',
      /it has .*max_depth/,
    ],
    [
      'one that all objects have',
      { toString: { type: 'choice', values: [1] } },
      '/search_space/toString',
      /no hyperparameter/,
    ],
    ['no object', { max_depth: [3, 20] }, '/search_space/max_depth', /must be an object of a type/],
    ['null', { max_depth: null }, '/search_space/max_depth', /must be an object of a type/],
    [
      'an unknown type',
      { max_depth: { type: 'int', min: 3, max: 20 } },
      '/search_space/max_depth/type',
      /one of choice, randint/,
    ],
    [
      'a type that all objects have',
      { max_depth: { type: 'valueOf' } },
      '/search_space/max_depth/type',
      /one of choice/,
    ],
    [
      'an unknown field',
      { max_depth: { type: 'randint', min: 3, max: 20, q: 2 } },
      '/search_space/max_depth/q',
      /not a field of randint, which has min, max/,
    ],
    [
      'a missing bound',
      { max_depth: { type: 'randint', min: 3 } },
      '/search_space/max_depth/max',
      /must be an integer/,
    ],
    [
      'a text for a bound',
      { max_depth: { type: 'randint', min: '3', max: 20 } },
      '/search_space/max_depth/min',
      /must be an integer/,
    ],
    [
      'NaN',
      { learning_rate: { type: 'uniform', min: NaN, max: 1 } },
      '/search_space/learning_rate/min',
      /must be a number/,
    ],
    [
      'infinity',
      { learning_rate: { type: 'uniform', min: 0.1, max: Infinity } },
      '/search_space/learning_rate/max',
      /must be a number/,
    ],
    [
      'integers that are not exact',
      { max_depth: { type: 'randint', min: 1, max: 2 ** 60 } },
      '/search_space/max_depth/max',
      /must be an integer/,
    ],
    [
      'min that is max',
      { max_depth: { type: 'randint', min: 3, max: 3 } },
      '/search_space/max_depth/max',
      /must be more than min, which is 3/,
    ],
    [
      'min above max',
      { learning_rate: { type: 'uniform', min: 0.5, max: 0.1 } },
      '/search_space/learning_rate/max',
      /more than min/,
    ],
    [
      'a logarithm of 0',
      { learning_rate: { type: 'loguniform', min: 0, max: 0.1 } },
      '/search_space/learning_rate/min',
      /must be more than 0, as loguniform takes its logarithm/,
    ],
    [
      'a logarithm of less',
      { max_depth: { type: 'lograndint', min: -1, max: 5 } },
      '/search_space/max_depth/min',
      /more than 0/,
    ],
    [
      'no step',
      { learning_rate: { type: 'quniform', min: 0.1, max: 1, q: 0 } },
      '/search_space/learning_rate/q',
      /more than 0/,
    ],
    [
      'a step past the end',
      { learning_rate: { type: 'quniform', min: 0.1, max: 1, q: 5 } },
      '/search_space/learning_rate/q',
      /at most max - min/,
    ],
    [
      'an empty choice',
      { max_depth: { type: 'choice', values: [] } },
      '/search_space/max_depth/values',
      /at least one value/,
    ],
    [
      'a choice without values',
      { max_depth: { type: 'choice' } },
      '/search_space/max_depth/values',
      /at least one value/,
    ],
    [
      'the same value twice',
      { max_depth: { type: 'choice', values: [3, 4, 3] } },
      '/search_space/max_depth/values/2',
      /same as value 0/,
    ],
    [
      'a value that the estimator does not take',
      { max_depth: { type: 'choice', values: [3, 'deep'] } },
      '/search_space/max_depth/values/1',
      /max_depth is "deep"; it must be integer or null/,
    ],
    [
      'a bound that it does not take',
      { max_depth: { type: 'randint', min: 0, max: 5 } },
      '/search_space/max_depth',
      /max_depth is 0; it must be integer or null of at least 1/,
    ],
    [
      'numbers for an integer',
      { n_estimators: { type: 'uniform', min: 10, max: 100 } },
      '/search_space/n_estimators',
      /must be integer/,
    ],
    [
      'what two alternatives would have to share',
      { max_features: { type: 'uniform', min: 0.5, max: 1 } },
      '/search_space/max_features',
      /anything from 0.5 to 1; it must be .*and not both/,
    ],
    [
      'a range over classes',
      { class_weight: { type: 'uniform', min: 0, max: 1 } },
      '/search_space/class_weight',
      /it must be one of "balanced"/,
    ],
    ['no parameter at all', {}, '/search_space', /at least one hyperparameter/],
    [
      'a condition on nothing',
      { max_depth: { type: 'randint', min: 3, max: 20, when: {} } },
      '/search_space/max_depth/when',
      /object of 1 to 10/,
    ],
    [
      'a condition on what is not searched',
      { max_depth: { type: 'randint', min: 3, max: 20, when: { subsample: 1 } } },
      '/search_space/max_depth/when/subsample',
      /no parameter of this search_space/,
    ],
    [
      'a condition on itself',
      { max_depth: { type: 'randint', min: 3, max: 20, when: { max_depth: 3 } } },
      '/search_space/max_depth/when/max_depth',
      /depends on max_depth itself/,
    ],
    [
      'a value that never comes',
      { ...SEED, subsample: { type: 'uniform', min: 0.5, max: 1, when: { n_estimators: 60 } } },
      '/search_space/subsample/when/n_estimators',
      /must be one of 50, 100, 200, 500/,
    ],
  ])('should be refused for %s', (_, given, pointer, message) => {
    const { space, errors } = readSpace(given as Record<string, unknown>, boosting);
    expect(errors).toEqual([{ pointer, message: expect.stringMatching(message) }]);
    expect(space).toEqual([]);
  });

  it('should be refused for conditions that go round in a circle', () => {
    const { errors } = readSpace(
      {
        max_depth: { type: 'choice', values: [3, 4], when: { subsample: 1 } },
        subsample: { type: 'choice', values: [0.5, 1], when: { max_depth: 3 } },
      },
      boosting,
    );
    expect(errors.map(({ pointer }) => pointer)).toEqual([
      '/search_space/max_depth/when/subsample',
      '/search_space/subsample/when/max_depth',
    ]);
  });

  it('should name all that is wrong', () => {
    const { errors } = readSpace(
      { max_dept: { type: 'randint', min: 3, max: 20 }, subsample: { type: 'uniform', min: 1, max: 0 } },
      boosting,
    );
    expect(errors).toHaveLength(2);
  });

  it.each<[SpaceParameter, unknown[], unknown[]]>([
    [{ name: 'a', type: 'randint', min: 3, max: 20 }, [3, 19], [20, 2, 3.5, '3', null]],
    [{ name: 'a', type: 'uniform', min: 0, max: 1 }, [0, 1, 0.5], [1.01, -0.01, NaN]],
    [{ name: 'a', type: 'quniform', min: 0.1, max: 1, q: 0.3 }, [0.1, 0.4, 0.7, 1], [0.2, 1.3]],
    [
      { name: 'a', type: 'choice', values: [1, null, [50, 50], { yes: 5 }] },
      [1, null, [50, 50], { yes: 5 }],
      [true, [50], 'null'],
    ],
  ])('should have of %j the values %j and not %j', (parameter, values, others) => {
    expect(values.map((value) => faultOfValue(parameter, value))).toEqual(values.map(() => null));
    expect(others.filter((value) => faultOfValue(parameter, value) === null)).toEqual([]);
  });

  it.each<[SpaceParameter, number | null]>([
    [{ name: 'a', type: 'randint', min: 3, max: 20 }, 17],
    [{ name: 'a', type: 'quniform', min: 0.1, max: 1, q: 0.3 }, 4],
    [{ name: 'a', type: 'choice', values: [1, 2] }, 2],
    [{ name: 'a', type: 'loguniform', min: 1, max: 2 }, null],
    [{ name: 'a', type: 'lograndint', min: 1, max: 2 }, null],
  ])('should know how many points a grid has of %j', (parameter, points) => {
    expect(countPoints(parameter)).toBe(points);
  });
});

describe('the default space', () => {
  const { frameworks } = JSON.parse(
    readFileSync(join(PROJECT_ROOT, 'contracts', 'estimators.v1.json'), 'utf8'),
  ) as { frameworks: Record<string, { estimators: Record<string, { model_types: ModelType[] }> }> };
  const all = Object.values(frameworks).flatMap(({ estimators: described }) =>
    Object.entries(described).flatMap(([estimator, { model_types }]) =>
      model_types.map((modelType) => ({ estimator, modelType })),
    ),
  );

  it.each(all)('of $estimator should be one that it takes for $modelType', (wish) => {
    const chosen = estimators.choose({ ...wish, names: [] });
    const { space, errors } = readSpace(chosen.defaultSpace, chosen);
    expect(errors).toEqual([]);
    expect(space).not.toEqual([]);
  });
});
