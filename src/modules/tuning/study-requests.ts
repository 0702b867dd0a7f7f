import { Injectable } from '@nestjs/common';
import {
  type FieldError,
  fieldsProblem,
  invalid,
  jsonPointer,
  unfit,
} from '../../platform/errors/problem.js';
import { JobsService } from '../../platform/jobs/jobs.service.js';
import type { ModelType } from '../models/model.entity.js';
import { VersionsService } from '../models/versions.service.js';
import { type ChosenEstimator, EstimatorsService } from '../training/estimators.service.js';
import { pathsOf } from '../training/training-data.service.js';
import { TrainingService } from '../training/training.service.js';
import type { TrainingSpec } from '../training/training-spec.dto.js';
import { isSameObjectives, LATENCY, type Objective } from './objectives.js';
import { readSpace, type SpaceParameter } from './search-space.js';
import { countGrid, faultsOfSearch, objectivesOf } from './search-rules.js';
import type { SubmitTuningDto } from './submit-tuning.dto.js';
import { TUNING, type TuningSpec } from './tuning-job.js';

/** Trials of a study that says nothing of their number. */
const NUM_TRIALS = 50;
/** A constant: were it that of max_concurrent_trials, the same request would have other trials with another number. */
const LAG = 4;
const MAX_FAILED_SHARE = 0.5;

/** A request with all choices made, and what its caller should know of them. */
export interface SpecifiedStudy {
  readonly spec: TuningSpec;
  readonly warnings: string[];
}

/** Data and estimator of a training, for a study that names none. */
interface Example {
  readonly jobId: string;
  readonly spec: TrainingSpec;
}

/** Judges requests for studies by everything that can be known without their data. */
@Injectable()
export class StudyRequests {
  constructor(
    private readonly versions: VersionsService,
    private readonly training: TrainingService,
    private readonly estimators: EstimatorsService,
    private readonly jobs: JobsService,
  ) {}

  /**
   * @throws Problem 400 for a body that says too little or contradicts itself, 403 for a path outside the grants, 404 for
   *   the id of a model or a parent that there is not, 422 naming everything that cannot be searched, 503 where Ray is
   *   asked for
   */
  async specify(tenant: string, dto: SubmitTuningDto): Promise<SpecifiedStudy> {
    refuseContradictions(dto);
    const model = await this.versions.findTrainable(tenant, dto.model_name);
    const name = model?.name ?? dto.model_name;
    const example = dto.data_config ? null : await this.exampleOf(tenant, name);
    const modelType = dto.model_type ?? model?.modelType ?? example?.spec.model_type ?? undefined;
    const fixed = dto.fixed_parameters ?? {};
    const estimator = this.estimators.choose({
      framework: dto.framework,
      estimator: dto.estimator,
      modelType,
      names: [...new Set([...Object.keys(dto.search_space ?? {}), ...Object.keys(fixed)])],
      preferred: example?.spec,
    });
    const space = spaceOf(dto, fixed, estimator, modelType);
    const trained = await this.training.specify(tenant, {
      model_name: dto.model_name,
      framework: estimator.framework,
      model_type: modelType,
      data_config: dto.data_config ?? example!.spec.data_config,
      training_config: dto.training_config,
      hyperparameters: { ...fixed, estimator: estimator.estimator },
    });
    const objectives = objectivesOf(dto);
    await this.refuseOtherObjectives(tenant, dto.parents ?? [], objectives);
    const spec = { ...trained, ...searchOf(dto, space, objectives, trained.training_config.seed ?? 0) };
    return { spec, warnings: [...warningsOfExample(example), ...warningsOfSearch(spec, dto)] };
  }

  /** @throws Problem 422 where the model was never trained */
  private async exampleOf(tenant: string, modelName: string): Promise<Example> {
    const job = await this.training.newestOf(tenant, modelName);
    if (job) return { jobId: job.id, spec: job.spec };
    throw unfit(
      '/data_config',
      `is missing, and the model ${modelName} has no training job that has not failed, whose data could be taken`,
    );
  }

  /** @throws Problem 404 for a study that there is not, 422 where its trials say nothing of these objectives */
  private async refuseOtherObjectives(
    tenant: string,
    parents: readonly string[],
    objectives: readonly Objective[],
  ): Promise<void> {
    for (const [at, id] of parents.entries()) {
      const { spec } = await this.jobs.get(tenant, TUNING, id);
      if (isSameObjectives(spec.objectives, objectives)) continue;
      const theirs = spec.objectives.map(({ metric, mode }) => `${metric} (${mode})`).join(', ');
      throw unfit(jsonPointer('parents', at), `has other objectives than this study: ${theirs}`);
    }
  }
}

/** What a request must say, and must not say twice. @throws Problem 400 */
function refuseContradictions(dto: SubmitTuningDto): void {
  if (!dto.search_space && !dto.autotune)
    throw invalid('/search_space', 'must be given, or autotune: true for the default space of the estimator');
  if (dto.search_space && dto.autotune) throw invalid('/autotune', 'must not be true beside a search_space');
  if (!dto.objective_metric && !dto.objectives)
    throw invalid('/objective_metric', 'must be given, or several by objectives');
  for (const name of ['objective_metric', 'mode'] as const)
    if (dto.objectives && dto[name] !== undefined)
      throw invalid(`/${name}`, 'must not be given beside objectives, each of which names its own');
  for (const [at, { at_most, at_least }] of (dto.constraints ?? []).entries())
    if ((at_most === undefined) === (at_least === undefined))
      throw invalid(jsonPointer('constraints', at), 'must have one of at_most and at_least');
}

/** The space that is searched. @throws Problem 422 naming everything that the estimator or the search does not take */
function spaceOf(
  dto: SubmitTuningDto,
  fixed: Readonly<Record<string, unknown>>,
  estimator: ChosenEstimator,
  modelType: ModelType | undefined,
): SpaceParameter[] {
  const given = dto.search_space ?? withoutFixed(estimator.defaultSpace, fixed);
  const { space, errors } = readSpace(given, estimator);
  const all = [
    ...errors,
    ...faultsOfFixed(fixed, given, estimator),
    ...faultsOfSearch(dto, space, modelType),
  ];
  if (all.length > 0) throw fieldsProblem('VALIDATION_ERROR', all);
  return space;
}

/** A default space less what is fixed, and what is only searched beside a value of it. */
function withoutFixed(
  space: ChosenEstimator['defaultSpace'],
  fixed: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const isFixed = (name: string) => Object.hasOwn(fixed, name);
  return Object.fromEntries(
    Object.entries(space).filter(
      ([name, { when }]) => !isFixed(name) && !Object.keys(when ?? {}).some(isFixed),
    ),
  );
}

function faultsOfFixed(
  fixed: Readonly<Record<string, unknown>>,
  space: Readonly<Record<string, unknown>>,
  estimator: ChosenEstimator,
): FieldError[] {
  return Object.entries(fixed).flatMap(([name, value]) => {
    const message = Object.hasOwn(space, name)
      ? 'is searched, too: leave it out here or in search_space'
      : (estimator.faultOfName(name) ?? estimator.faultOfValues(name, [value]));
    return message === null ? [] : [{ pointer: jsonPointer('fixed_parameters', name), message }];
  });
}

/** The search that a request asks for, with the defaults filled in. */
function searchOf(
  dto: SubmitTuningDto,
  space: SpaceParameter[],
  objectives: Objective[],
  trainingSeed: number,
): Omit<TuningSpec, keyof TrainingSpec> {
  const algorithm = dto.algorithm ?? 'bayesian';
  return {
    space,
    algorithm,
    pruner: dto.pruner ?? (algorithm === 'hyperband' ? 'asha' : 'none'),
    objectives,
    constraints: dto.constraints ?? [],
    cv_folds: dto.cv_folds ?? null,
    num_trials: dto.num_trials ?? (algorithm === 'grid' ? countGrid(space) : NUM_TRIALS),
    max_concurrent_trials: dto.max_concurrent_trials ?? 1,
    max_minutes: dto.max_minutes ?? null,
    target: dto.target ?? null,
    no_improvement_trials: dto.no_improvement_trials ?? null,
    trial_timeout_seconds: dto.trial_timeout_seconds ?? null,
    max_failed_share: dto.max_failed_share ?? MAX_FAILED_SHARE,
    seed: dto.seed ?? trainingSeed,
    deterministic: dto.deterministic ?? true,
    lag: dto.lag ?? LAG,
    initial_trials: dto.initial_trials ?? [],
    parents: dto.parents ?? [],
    top_k: dto.top_k ?? 1,
    refit_on: dto.refit_on ?? 'train',
  };
}

function warningsOfExample(example: Example | null): string[] {
  if (!example) return [];
  const { data_config } = example.spec;
  return [
    `data_config is missing: the data of the training job ${example.jobId}, the last of this model, is searched on (${pathsOf(data_config).trainPath}, target ${data_config.target_column}).`,
  ];
}

function warningsOfSearch(spec: TuningSpec, { objective_metric, mode }: SubmitTuningDto): string[] {
  const warnings: string[] = [];
  const [better] = objectivesOf({ objective_metric, objectives: undefined, mode: undefined });
  if (mode && better && better.mode !== mode)
    warnings.push(
      `mode is ${mode}, but ${objective_metric} is better the ${better.mode === 'min' ? 'smaller' : 'larger'} it is: the worst trial is searched for.`,
    );
  const measured = [...spec.objectives, ...spec.constraints].map(({ metric }) => metric);
  if (spec.deterministic && measured.includes(LATENCY))
    warnings.push(`${LATENCY} differs from run to run, so that the same request may have other trials.`);
  const choices = spec.space.filter(({ type }) => type === 'choice').map(({ name }) => name);
  if (spec.algorithm === 'cmaes' && choices.length > 0)
    warnings.push(`cmaes searches numbers only: ${choices.join(', ')} are drawn at random.`);
  return warnings;
}
