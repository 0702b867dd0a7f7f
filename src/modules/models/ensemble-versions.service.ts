import { Injectable } from '@nestjs/common';
import { fitMember, type MemberFit, type SignatureDefinition } from '#libs/inference';
import type { ThresholdCurve } from '#libs/statistics';
import type { TenantScope } from '../../platform/database/database.js';
import { Problem } from '../../platform/errors/problem.js';
import { CertaintiesRepository } from './certainty/certainties.repository.js';
import type {
  EnsembleDefinition,
  EnsembleMember,
  FittedData,
  Model,
  ModelType,
  ModelVersion,
} from './model.entity.js';
import { ModelFinder } from './model-finder.js';
import { modelKeyOf, parseModelReference } from './model-reference.js';
import { ModelsRepository } from './models.repository.js';
import type { Stage } from './stage.js';
import { formatVersion } from './version-number.js';
import { type ServableVersion, toServable } from './versions.service.js';

/** A version that answers as a member, with what its model is called and predicts. */
export interface FoundMember {
  readonly servable: ServableVersion;
  /** The stage that the reference names. */
  readonly stage: Stage | null;
  readonly name: string;
  readonly modelType: ModelType;
  /** By how many rows the version has probabilities from each threshold on; null where that was not measured. */
  readonly thresholdCurve: ThresholdCurve | null;
}

/** A version of an ensemble. */
export interface EnsembleVersion {
  readonly number: string;
  readonly stage: Stage;
  readonly definition: EnsembleDefinition;
  /** null of a first version that answers nothing until a table has taught it how its members count. */
  readonly signature: SignatureDefinition | null;
  /** By what that was learned; null where it was given, or is to be learned yet. */
  readonly fit: FittedData | null;
  /** The job that has learned it, or is to. */
  readonly jobId: string | null;
}

/** The registry as ensembles need it: their own versions, and the models that these name. */
@Injectable()
export class EnsembleVersionsService {
  constructor(
    private readonly models: ModelsRepository,
    private readonly finder: ModelFinder,
    private readonly certainties: CertaintiesRepository,
  ) {}

  /**
   * What a member answers with now.
   * @throws Problem as `VersionsService.servable`
   */
  async findMember(scope: TenantScope, reference: string, version: string | undefined): Promise<FoundMember> {
    const { model, found } = await this.finder.findAnswering(scope, reference, version);
    const facts = await this.certainties.find(scope, found.id);
    return {
      servable: toServable(model, found, facts),
      stage: parseModelReference(reference)?.stage ?? null,
      name: model.name,
      modelType: model.modelType,
      thresholdCurve: facts.thresholdCurve,
    };
  }

  /** Like `findMember`; the model cannot be deleted until the scope's transaction ends. */
  async keepMember(scope: TenantScope, reference: string, version: string | undefined): Promise<FoundMember> {
    // Kept before it is looked at: of a model that is deleted between the two, the versions would be missed and not it.
    const key = modelKeyOf(reference);
    const model = key && (await this.models.find(scope, key));
    if (model) await this.models.keep(scope, model.id);
    return this.findMember(scope, reference, version);
  }

  /**
   * The version to show of an ensemble.
   * @param version undefined for the one that answers by default
   * @throws Problem 404, also for a model that is no ensemble
   */
  async find(scope: TenantScope, reference: string, version?: string): Promise<EnsembleVersion> {
    const { model, shown } = await this.finder.findShown(scope, reference);
    const number = version ?? formatVersion(shown!);
    return toEnsembleVersion(await this.finder.findVersion(scope, onlyEnsemble(model), number));
  }

  /**
   * The newest version that was learned by a table, or the one of this number.
   * @throws Problem 404 as `find`, and where it was not learned
   */
  async findFitted(
    scope: TenantScope,
    reference: string,
    number?: string,
  ): Promise<EnsembleVersion & { readonly modelId: string; readonly fit: FittedData }> {
    const model = onlyEnsemble(await this.finder.find(scope, reference));
    const version = number
      ? await this.finder.findVersion(scope, model, number)
      : await this.models.newestFittedVersion(scope, model.id);
    const found = version && toEnsembleVersion(version);
    if (found?.fit) return { ...found, modelId: model.id, fit: found.fit };
    const which = number ? `of version ${number}` : `of any version of ${model.name}`;
    throw new Problem(
      'NOT_FOUND',
      `The weights ${which} were not learned by a table; post one to /api/v1/ensembles/${model.id}/fit.`,
    );
  }

  /** An ensemble, its row locked, and its newest version. @throws Problem 404 as `find` */
  async lock(scope: TenantScope, reference: string): Promise<{ model: Model; newest: EnsembleVersion }> {
    const model = onlyEnsemble(await this.finder.lock(scope, reference));
    return { model, newest: toEnsembleVersion((await this.models.newestVersion(scope, model.id))!) };
  }

  /**
   * Which of some models have a version of the ensemble, however deep, among the members of any of their versions. No
   * other transaction of the tenant changes that until the scope's ends.
   */
  async containing(scope: TenantScope, ensembleId: string, among: readonly string[]): Promise<Set<string>> {
    return new Set(await this.models.ancestors(scope, ensembleId, among));
  }

  /** Waits until no other transaction of the tenant is about to say which models are made of which. */
  lockMemberships(scope: TenantScope): Promise<void> {
    return this.models.lockMemberships(scope);
  }
}

/**
 * How a version answers for a member of an ensemble.
 * @param signature of the ensemble
 * @returns why it cannot, as the end of a sentence about the version
 */
export function fitAsMember(
  { rank_scale }: EnsembleMember,
  answering: Pick<ServableVersion, 'version' | 'signature'>,
  signature: SignatureDefinition,
  { method }: Pick<EnsembleDefinition, 'method'>,
): MemberFit | string {
  if (rank_scale && rank_scale.version !== answering.version)
    return `cannot be ranked among the answers of ${rank_scale.version}, with which the ensemble was made`;
  return fitMember(answering.signature, signature, method);
}

/** Only the transaction that registers an ensemble sees its first version before that has a definition. */
function toEnsembleVersion(version: ModelVersion): EnsembleVersion {
  return {
    number: formatVersion(version),
    stage: version.stage,
    definition: version.parameters as unknown as EnsembleDefinition,
    signature: version.signature,
    fit: 'evaluation' in version.data ? (version.data as unknown as FittedData) : null,
    jobId: version.jobId,
  };
}

function onlyEnsemble(model: Model): Model {
  if (model.framework === 'ensemble') return model;
  throw new Problem('MODEL_NOT_FOUND', `The model ${model.name} is no ensemble.`);
}
