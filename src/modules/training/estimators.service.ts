import { Injectable } from '@nestjs/common';
import { unfit } from '../../platform/errors/problem.js';
import type { ModelType } from '../models/model.entity.js';
import {
  choose,
  countKnown,
  type Estimator,
  estimatorsOf,
  faultOfName,
  faultOfValues,
  type NamedEstimator,
  TRAINABLE_FRAMEWORKS,
} from './estimators.js';

/** What a request says of the estimator that it is for. */
export interface EstimatorWish {
  readonly framework?: NamedEstimator['framework'];
  readonly estimator?: string;
  readonly modelType?: ModelType;
  /** Names of the hyperparameters that it gives. */
  readonly names: readonly string[];
  /** Taken where the wish and the names allow it. */
  readonly preferred?: NamedEstimator;
}

/** An estimator, and what can be asked of it. */
export interface ChosenEstimator extends NamedEstimator {
  readonly defaultSpace: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Why it takes no hyperparameter of this name, or null. */
  faultOfName(name: string): string | null;
  /** Why it does not take all of these values of a hyperparameter that it has, or what lies between them; or null. */
  faultOfValues(name: string, values: readonly unknown[]): string | null;
}

/** Estimators as other modules ask for them: contracts/estimators.v1.json. */
@Injectable()
export class EstimatorsService {
  /**
   * The estimator that a request is for: the one that it names, else the preferred one where it has all the
   * hyperparameters, else the first that has most of them, framework by framework.
   * @throws Problem 422 for an estimator that there is not, or not of this model type
   */
  choose(wish: EstimatorWish): ChosenEstimator {
    const { modelType } = wish;
    const { framework, estimator } = wish.estimator === undefined ? byNames(wish) : byName(wish);
    const description = estimatorsOf(framework)[estimator] as Estimator;
    const { model_types } = description;
    if (modelType && !model_types.includes(modelType))
      throw unfit(
        '/estimator',
        `${estimator} does not do ${modelType}; it does ${model_types.join(' and ')}`,
      );
    return {
      framework,
      estimator,
      defaultSpace: description.default_space,
      faultOfName: (name) => faultOfName(estimator, description, modelType, name),
      faultOfValues: (name, values) => faultOfValues(description, name, values),
    };
  }
}

function byName({ framework, estimator = '' }: EstimatorWish): NamedEstimator {
  const frameworks = framework ? [framework] : TRAINABLE_FRAMEWORKS;
  const of = frameworks.find((each) => Object.hasOwn(estimatorsOf(each), estimator));
  if (of) return { framework: of, estimator };
  const known = frameworks.flatMap((each) => Object.keys(estimatorsOf(each)));
  throw unfit('/estimator', `must be one of ${known.join(', ')}${framework ? ` for ${framework}` : ''}`);
}

function byNames({ framework, modelType, names, preferred }: EstimatorWish): NamedEstimator {
  const known = ({ framework: of, estimator }: NamedEstimator) => {
    // The row of another release may prefer one that there is no more.
    const description = estimatorsOf(of)[estimator];
    return description ? countKnown(description, names) : -1;
  };
  if (preferred && (framework ?? preferred.framework) === preferred.framework)
    if (known(preferred) === names.length) return preferred;
  const candidates = (framework ? [framework] : TRAINABLE_FRAMEWORKS).map((each) => ({
    framework: each,
    estimator: choose(each, modelType, names),
  }));
  return candidates.reduce((best, next) => (known(next) > known(best) ? next : best));
}
