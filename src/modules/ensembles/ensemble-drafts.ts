import { Injectable } from '@nestjs/common';
import {
  answersEnough,
  MembersDisagree,
  type RankScale,
  type SignatureDefinition,
  unionSignature,
} from '#libs/inference';
import type { TenantScope } from '../../platform/database/database.js';
import type { ErrorCode } from '../../platform/errors/error-code.js';
import { type FieldError, fieldsProblem, Problem, unfit } from '../../platform/errors/problem.js';
import { EnsembleVersionsService, type FoundMember } from '../models/ensemble-versions.service.js';
import {
  ENSEMBLE_METHODS,
  type EnsembleDefinition,
  type EnsembleMethod,
  memberReference,
  type ModelType,
} from '../models/model.entity.js';
import type { ServableVersion } from '../models/versions.service.js';
import type { EnsembleWish } from './ensemble-wishes.js';
import type { EnsembleMemberDto } from './ensembles.dto.js';
import { RankScales } from './rank-scales.js';

const DEFAULT_TIMEOUT_MS = 5000;
/** Ensembles within ensembles are looked into so deep, and ask so many models in all. */
const MOST_LEVELS = 3;
const MOST_MODELS = 64;

/** What `EnsembleWish` can name, and the tasks that each is for. */
const METHODS = [...ENSEMBLE_METHODS, 'greedy'] as const;
const FITTING = {
  classification: ['voting_soft', 'voting_hard', 'rank', 'stacking', 'greedy'],
  regression: ['averaging', 'rank', 'stacking', 'greedy'],
} satisfies Record<ModelType, readonly EnsembleWish['method'][]>;

/** A version of an ensemble that was found to fit together. */
export interface EnsembleDraft {
  readonly definition: EnsembleDefinition;
  readonly signature: SignatureDefinition;
  readonly modelType: ModelType;
}

/** Checks what an ensemble is to be made of. */
@Injectable()
export class EnsembleDrafts {
  constructor(
    private readonly versions: EnsembleVersionsService,
    private readonly scales: RankScales,
  ) {}

  /**
   * @param ensembleId of the ensemble that gets the version; undefined for a new one
   * @throws Problem 404, 409 or 422 that points to the member or option that does not go
   */
  async make(scope: TenantScope, wish: EnsembleWish, ensembleId?: string): Promise<EnsembleDraft> {
    refuseUnfitOptions(wish);
    const found = await this.findMembers(scope, wish.models);
    refuseDuplicates(wish.models, found);
    if (ensembleId !== undefined) await this.refuseCycle(scope, ensembleId, found);
    const signature = unionOf(found);
    const modelType = signature.output.type;
    const method = methodFor(wish, modelType);
    refuseUnfitMembers(method, found);
    await this.refuseTooManyModels(scope, found);
    const scales = method === 'rank' ? await this.findScales(scope, found, signature) : undefined;
    const { models, ...options } = wish;
    const members = models.map((model, at) => ({
      model_id: found[at]!.servable.modelId,
      version: model.version ?? null,
      stage: found[at]!.stage,
      weight: model.weight ?? 1,
      timeout_ms: model.timeout_ms ?? DEFAULT_TIMEOUT_MS,
      retries: model.retries ?? 0,
      required: model.required ?? false,
      ...(scales && { rank_scale: { version: found[at]!.servable.version, ...scales[at]! } }),
    }));
    return { definition: { ...options, method, members }, signature, modelType };
  }

  /** @throws Problem of the first member that there is not, with those of all others that there are not */
  private async findMembers(
    scope: TenantScope,
    models: readonly EnsembleMemberDto[],
  ): Promise<FoundMember[]> {
    const found: FoundMember[] = [];
    const errors: FieldError[] = [];
    let code: ErrorCode | undefined;
    for (const [at, { model_id, version }] of models.entries()) {
      try {
        found.push(await this.versions.keepMember(scope, model_id, version));
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        code ??= error.code;
        const faults = error.extra.errors ?? [{ pointer: '/model_id', message: error.detail }];
        errors.push(...faults.map((fault) => ({ ...fault, pointer: `/models/${at}${fault.pointer}` })));
      }
    }
    if (code) throw fieldsProblem(code, errors);
    return found;
  }

  /** @throws Problem 422 naming each member of which nothing is known to rank its answers by */
  private async findScales(
    { tenant }: TenantScope,
    found: readonly FoundMember[],
    { output }: SignatureDefinition,
  ): Promise<RankScale[]> {
    if (output.type === 'classification' && output.labels.length !== 2)
      throw unfit(
        '/method',
        `rank is for two classes or a regression; the models have ${output.labels.length}`,
      );
    const scales: RankScale[] = [];
    const errors: FieldError[] = [];
    for (const [at, member] of found.entries()) {
      const scale = await this.scales.of(tenant, member, output);
      if (typeof scale !== 'string') scales.push(scale);
      else errors.push({ pointer: `/models/${at}/model_id`, message: `'${member.name}' ${scale}` });
    }
    refuse(errors);
    return scales;
  }

  private async refuseCycle(
    scope: TenantScope,
    ensembleId: string,
    found: readonly FoundMember[],
  ): Promise<void> {
    const ids = found.map(({ servable }) => servable.modelId);
    const containing = await this.versions.containing(scope, ensembleId, ids);
    refuse(
      found.flatMap(({ servable, name }, at) => {
        if (!containing.has(servable.modelId)) return [];
        const what =
          servable.modelId === ensembleId ? 'is this ensemble itself' : 'has this ensemble among its members';
        return [
          { pointer: `/models/${at}/model_id`, message: `'${name}' ${what}, so that it would ask itself` },
        ];
      }),
    );
  }

  private async refuseTooManyModels(scope: TenantScope, found: readonly FoundMember[]): Promise<void> {
    let models = 0;
    for (const [at, { servable }] of found.entries()) {
      models += await this.countModels(scope, servable, 1, `/models/${at}`);
      if (models > MOST_MODELS)
        throw unfit('/models', `ask more than ${MOST_MODELS} models in all, with the members of members`);
    }
  }

  private async countModels(
    scope: TenantScope,
    { ensemble }: ServableVersion,
    level: number,
    pointer: string,
  ): Promise<number> {
    if (!ensemble) return 1;
    if (level === MOST_LEVELS)
      throw unfit(pointer, `is an ensemble that lies deeper than ${MOST_LEVELS} levels`);
    let models = 0;
    for (const each of ensemble.members) {
      const member = await this.versions
        .findMember(scope, memberReference(each), each.version ?? undefined)
        .catch((error: unknown) => {
          // One that does not answer now is asked all the same.
          if (error instanceof Problem) return undefined;
          throw error;
        });
      models += member ? await this.countModels(scope, member.servable, level + 1, pointer) : 1;
    }
    return models;
  }
}

function refuse(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw fieldsProblem('VALIDATION_ERROR', errors);
}

/** What can be said without a look at the members. */
function refuseUnfitOptions(wish: EnsembleWish): void {
  const { method, models, min_models_required, strategy, threshold, fail_on_partial } = wish;
  const errors: FieldError[] = [];
  const fault = (pointer: string, message: string) => errors.push({ pointer, message });
  if (!METHODS.includes(method)) fault('/method', `must be one of ${METHODS.join(', ')}`);
  if (method === 'stacking' && !fail_on_partial)
    fault('/fail_on_partial', 'must be true for stacking, whose meta model reads the answers of all members');
  if (min_models_required > models.length)
    fault('/min_models_required', `must be at most the number of models, ${models.length}`);
  const weights = models.flatMap(({ weight }) => weight ?? []);
  if (weights.length > 0 && weights.length < models.length) {
    const at = models.findIndex(({ weight }) => weight === undefined);
    fault(`/models/${at}/weight`, 'is missing: give every model a weight, or none');
  } else if (weights.length > 0 && weights.every((weight) => weight === 0)) {
    fault('/models', 'must not all have the weight 0');
  }
  if (strategy === 'cascade') {
    if (threshold === null || threshold === 0)
      fault('/threshold', 'must be above 0 and at most 1 for the strategy cascade');
    if (method !== 'voting_soft')
      fault('/strategy', 'cascade needs the method voting_soft, whose answers have a confidence');
    const at = models.findIndex(({ weight }) => weight === 0);
    if (at >= 0) fault(`/models/${at}/weight`, 'must be above 0 in a cascade');
  } else if (threshold !== null) {
    fault('/threshold', 'is for the strategy cascade');
  }
  refuse(errors);
}

function refuseDuplicates(models: readonly EnsembleMemberDto[], found: readonly FoundMember[]): void {
  const seen = new Map<string, number>();
  const errors: FieldError[] = [];
  found.forEach(({ servable, stage, name }, at) => {
    const key = `${servable.modelId}\n${models[at]!.version ?? ''}\n${stage ?? ''}`;
    const before = seen.get(key);
    if (before === undefined) seen.set(key, at);
    else
      errors.push({
        pointer: `/models/${at}/model_id`,
        message: `names '${name}' as /models/${before} does`,
      });
  });
  refuse(errors);
}

function unionOf(found: readonly FoundMember[]): SignatureDefinition {
  try {
    return unionSignature(found.map(({ servable }) => servable.signature));
  } catch (error) {
    if (!(error instanceof MembersDisagree)) throw error;
    throw unfit(`/models/${error.member}/model_id`, `'${found[error.member]!.name}' ${error.message}`);
  }
}

/** @throws Problem 422 where it is not for members of this task */
function methodFor({ method }: EnsembleWish, modelType: ModelType): EnsembleMethod {
  const fitting: readonly string[] = FITTING[modelType];
  if (!fitting.includes(method))
    throw unfit('/method', `must be one of ${fitting.join(', ')} for members of ${modelType}`);
  return method === 'greedy' ? meanOf(modelType) : method;
}

/** The method whose weights `greedy` learns. */
export function meanOf(modelType: ModelType): EnsembleMethod {
  return modelType === 'regression' ? 'averaging' : 'voting_soft';
}

function refuseUnfitMembers(method: EnsembleMethod, found: readonly FoundMember[]): void {
  refuse(
    found.flatMap(({ servable, name }, at) => {
      if (answersEnough(servable.signature, method)) return [];
      const message = `'${name}' answers no probabilities, which ${method} needs; choose voting_hard`;
      return [{ pointer: `/models/${at}/model_id`, message }];
    }),
  );
}
