import { type FieldError, fieldsProblem, Problem, unfit } from '../../platform/errors/problem.js';
import type { EnsembleVersion } from '../models/ensemble-versions.service.js';
import {
  type EnsembleDefinition,
  type EnsembleMember,
  type EnsembleMethod,
  LEARNING_METHODS,
  type LearningMethod,
  memberReference,
} from '../models/model.entity.js';
import type { SubmitEnsembleFitDto } from './ensemble-fits.dto.js';
import type { ChangeEnsembleDto, CreateEnsembleDto, EnsembleMemberDto } from './ensembles.dto.js';

/** What a caller wants an ensemble to be, with the choices made. */
export type EnsembleWish = Omit<EnsembleDefinition, 'members' | 'method'> & {
  /** `greedy` is a weighted mean whose weights are to be learned. */
  readonly method: EnsembleMethod | 'greedy';
  readonly models: readonly EnsembleMemberDto[];
};

export function isLearningMethod(method: string | undefined): method is LearningMethod {
  return LEARNING_METHODS.includes(method as LearningMethod);
}

/** What a request to make an ensemble asks for. */
export function newWish(dto: CreateEnsembleDto): EnsembleWish {
  return wishOf(dto, dto);
}

/** What would make a version of this definition again. */
export function wishFor({ members, ...options }: EnsembleDefinition): EnsembleWish {
  return { ...options, models: members.map(toMemberDto) };
}

/**
 * What a change of an ensemble's newest version asks for.
 * @throws Problem 409 where that answers nothing yet and the change does not name a method that does, 422 where only a
 * fit can make what is asked for
 */
export function changedWish(
  dto: ChangeEnsembleDto,
  { number, definition, signature }: EnsembleVersion,
): EnsembleWish {
  const { method, models } = dto;
  if (isLearningMethod(method) && method !== definition.method)
    throw unfit('/method', 'is learned by a table: post one to /api/v1/ensembles/{id}/fit');
  if (signature === null && (method === undefined || isLearningMethod(method))) {
    const detail = `Version ${number} is to be learned by a table yet: wait for its fit, post another one, or name a method that needs none.`;
    throw new Problem('STAGE_CONFLICT', detail);
  }
  const wish = wishOf(dto, wishFor(definition));
  if (wish.method === 'stacking' && models)
    throw unfit(
      '/models',
      'must be left out: the meta model was learned for the members; name another method, too',
    );
  return wish;
}

/** A member as a request names it. */
export function toMemberDto({ model_id, stage, version, ...options }: EnsembleMember) {
  return { ...options, model_id: memberReference({ model_id, stage }), version: version ?? undefined };
}

/**
 * The fit that is to teach a new ensemble how its members count; undefined where the request says so itself.
 * @throws Problem 422 for fields that are not for the method, or lack
 */
export function fitOfNew(dto: CreateEnsembleDto): SubmitEnsembleFitDto | undefined {
  const { method, models, strategy, data_config, rounds, folds } = dto;
  const errors: FieldError[] = [];
  if (!isLearningMethod(method)) {
    for (const name of ['data_config', 'rounds', 'folds'] as const)
      if (dto[name] !== undefined)
        errors.push({ pointer: `/${name}`, message: `is for the methods ${LEARNING_METHODS.join(' and ')}` });
  } else {
    if (!data_config)
      errors.push({
        pointer: '/data_config',
        message: `must name the labelled table by which ${method} learns`,
      });
    if (strategy === 'cascade')
      errors.push({ pointer: '/strategy', message: `must be all for ${method}, which asks all members` });
    models.forEach(({ weight }, at) => {
      const message = `must be left out: ${method} learns how much each member counts`;
      if (weight !== undefined) errors.push({ pointer: `/models/${at}/weight`, message });
    });
  }
  if (errors.length > 0) throw fieldsProblem('VALIDATION_ERROR', errors);
  return isLearningMethod(method) ? { method, data_config: data_config!, rounds, folds } : undefined;
}

function wishOf(
  dto: ChangeEnsembleDto,
  before: Partial<EnsembleWish> & Pick<EnsembleWish, 'models' | 'method'>,
): EnsembleWish {
  const { method = before.method, strategy = before.strategy ?? 'all' } = dto;
  const isStacking = method === 'stacking';
  return {
    models: dto.models ?? before.models,
    method,
    parallel_inference: dto.parallel_inference ?? before.parallel_inference ?? true,
    fail_on_partial: dto.fail_on_partial ?? (isStacking || (before.fail_on_partial ?? false)),
    min_models_required: dto.min_models_required ?? before.min_models_required ?? 1,
    strategy,
    threshold: dto.threshold ?? (strategy === 'cascade' ? (before.threshold ?? null) : null),
    ...(isStacking && before.meta && { meta: before.meta }),
  };
}
