import { isDeepStrictEqual } from 'node:util';
import { type FieldError, jsonPointer } from '../../platform/errors/problem.js';
import type { ModelType } from '../models/model.entity.js';
import { betterMode, faultOfMetric, type Objective } from './objectives.js';
import { countPoints, faultOfValue, type SpaceParameter } from './search-space.js';
import type { SubmitTuningDto } from './submit-tuning.dto.js';

/** What a request can say, of which only one objective has a meaning. */
const OF_ONE_OBJECTIVE = ['target', 'no_improvement_trials'] as const;
const ALGORITHMS_OF_SEVERAL = ['bayesian', 'random', 'grid', 'qmc'];
/** A grid is planned before its first trial. */
const MAX_POINTS = 10_000;

/** The objectives of a request, each with its mode. */
export function objectivesOf({
  objective_metric,
  mode,
  objectives,
}: Pick<SubmitTuningDto, 'objective_metric' | 'mode' | 'objectives'>): Objective[] {
  const named = objectives ?? (objective_metric === undefined ? [] : [{ metric: objective_metric, mode }]);
  return named.map((each) => ({ metric: each.metric, mode: each.mode ?? betterMode(each.metric) }));
}

/**
 * What of a search does not go together or cannot be had.
 * @param space empty where it is at fault itself
 */
export function faultsOfSearch(
  dto: SubmitTuningDto,
  space: readonly SpaceParameter[],
  modelType: ModelType | undefined,
): FieldError[] {
  return [
    ...faultsOfMetrics(dto, modelType),
    ...faultsOfAlgorithm(dto),
    ...faultsOfPruner(dto),
    ...(dto.algorithm === 'grid' ? faultsOfGrid(space) : []),
    ...(space.length > 0 ? faultsOfInitialTrials(dto, space) : []),
  ];
}

function faultsOfMetrics(dto: SubmitTuningDto, modelType: ModelType | undefined): FieldError[] {
  const named = [
    { pointer: '/objective_metric', metric: dto.objective_metric },
    ...(dto.objectives ?? []).map(({ metric }, at) => ({
      pointer: jsonPointer('objectives', at, 'metric'),
      metric,
    })),
    ...(dto.constraints ?? []).map(({ metric }, at) => ({
      pointer: jsonPointer('constraints', at, 'metric'),
      metric,
    })),
  ];
  const isCalibrated = dto.training_config?.calibration !== undefined;
  const unknown = named.flatMap(({ pointer, metric }) => {
    const message = metric === undefined ? null : faultOfMetric(metric, modelType, isCalibrated);
    return message === null ? [] : [{ pointer, message }];
  });
  const metrics = (dto.objectives ?? []).map(({ metric }) => metric);
  const repeated = metrics.flatMap((metric, at) =>
    metrics.indexOf(metric) === at
      ? []
      : [{ pointer: jsonPointer('objectives', at, 'metric'), message: `${metric} is an objective already` }],
  );
  return [...unknown, ...repeated];
}

function faultsOfAlgorithm(dto: SubmitTuningDto): FieldError[] {
  const { algorithm = 'bayesian', objectives = [] } = dto;
  if (objectives.length < 2) return [];
  const faults: FieldError[] = OF_ONE_OBJECTIVE.filter((name) => dto[name] !== undefined).map((name) => ({
    pointer: `/${name}`,
    message: 'has a meaning for one objective only',
  }));
  if (!ALGORITHMS_OF_SEVERAL.includes(algorithm)) {
    const message = `${algorithm} searches for one objective; several take ${ALGORITHMS_OF_SEVERAL.join(', ')}`;
    faults.push({ pointer: '/algorithm', message });
  }
  return faults;
}

function faultsOfPruner({ algorithm, pruner, objectives = [], cv_folds }: SubmitTuningDto): FieldError[] {
  if (pruner === undefined) return [];
  const faultOf = () => {
    if (algorithm === 'hyperband' && pruner !== 'asha')
      return 'must be asha with hyperband, which is pruned by it';
    if (pruner !== 'none' && objectives.length > 1) return 'must be none with several objectives';
    if (pruner === 'wilcoxon' && cv_folds === undefined)
      return 'wilcoxon compares trials by their folds, so that it needs cv_folds';
    return null;
  };
  const message = faultOf();
  return message === null ? [] : [{ pointer: '/pruner', message }];
}

function faultsOfGrid(space: readonly SpaceParameter[]): FieldError[] {
  const endless = space.filter((parameter) => countPoints(parameter) === null);
  if (endless.length > 0)
    return endless.map(({ name, type }) => ({
      pointer: jsonPointer('search_space', name, 'type'),
      message: `a grid has no points of ${type}; choose choice, randint or quniform`,
    }));
  if (space.length === 0 || countGrid(space) <= MAX_POINTS) return [];
  return [{ pointer: '/search_space', message: `must not have more than ${MAX_POINTS} points for a grid` }];
}

/**
 * How many points a grid has, as far as they are not too many.
 * @param from the parameter before which values are chosen
 */
export function countGrid(
  space: readonly SpaceParameter[],
  from = 0,
  chosen: ReadonlyMap<string, unknown> = new Map(),
): number {
  // Without conditions all values of a parameter have as many points behind them.
  const rest = space.slice(from);
  if (rest.every(({ when }) => when === undefined))
    return rest.reduce((points, parameter) => points * countPoints(parameter)!, 1);
  const [parameter] = rest as [SpaceParameter];
  const isActive = Object.entries(parameter.when ?? {}).every(
    ([name, value]) => chosen.has(name) && isDeepStrictEqual(chosen.get(name), value),
  );
  if (!isActive) return countGrid(space, from + 1, chosen);
  let points = 0;
  for (const value of pointsOf(parameter)) {
    points += countGrid(space, from + 1, new Map(chosen).set(parameter.name, value));
    if (points > MAX_POINTS) break;
  }
  return points;
}

function* pointsOf(parameter: SpaceParameter): Generator<unknown> {
  if (parameter.type === 'choice') return yield* parameter.values;
  const step = parameter.type === 'quniform' ? parameter.q : 1;
  for (let place = 0; place < countPoints(parameter)!; place++) yield parameter.min + place * step;
}

function faultsOfInitialTrials(dto: SubmitTuningDto, space: readonly SpaceParameter[]): FieldError[] {
  const { initial_trials = [], num_trials } = dto;
  const faults = initial_trials.flatMap((trial, at) =>
    faultsOfTrial(trial, jsonPointer('initial_trials', at), space),
  );
  if (num_trials !== undefined && num_trials < initial_trials.length)
    faults.push({
      pointer: '/num_trials',
      message: `must be at least ${initial_trials.length}, the number of initial_trials`,
    });
  return faults;
}

function faultsOfTrial(
  trial: Readonly<Record<string, unknown>>,
  pointer: string,
  space: readonly SpaceParameter[],
): FieldError[] {
  return Object.entries(trial).flatMap(([name, value]) => {
    const parameter = space.find((each) => each.name === name);
    const message = parameter
      ? (faultOfPlace(parameter, trial) ?? faultOfValue(parameter, value))
      : 'is not searched';
    return message === null ? [] : [{ pointer: `${pointer}${jsonPointer(name)}`, message }];
  });
}

/** Why a parameter is not searched beside the other values of a trial, or null. */
function faultOfPlace(
  { when = {} }: SpaceParameter,
  trial: Readonly<Record<string, unknown>>,
): string | null {
  const other = Object.entries(when).find(
    ([name, value]) => Object.hasOwn(trial, name) && !isDeepStrictEqual(trial[name], value),
  );
  return other ? `is searched only where ${other[0]} is ${JSON.stringify(other[1])}` : null;
}
