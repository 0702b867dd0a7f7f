import { Injectable } from '@nestjs/common';
import type { SignatureDefinition } from '#libs/inference';
import { type ChangeHandler, Changes } from '../../platform/changes/changes.js';
import { Database, type TenantScope } from '../../platform/database/database.js';
import { Problem } from '../../platform/errors/problem.js';
import { isUuid, newId } from '../../platform/http/identifiers.js';
import { Outbox } from '../../platform/outbox/outbox.js';
import { CertaintiesRepository, type CertaintyFacts } from './certainty/certainties.repository.js';
import type { Calibration } from './certainty/version-certainty.entity.js';
import type {
  EnsembleDefinition,
  FileInfo,
  FittedData,
  Framework,
  Importance,
  Model,
  ModelType,
  ModelVersion,
  Origin,
  VersionFiles,
} from './model.entity.js';
import { FeatureVersionsService, type TrainedService } from './feature-versions.service.js';
import { ModelFinder } from './model-finder.js';
import { modelKeyOf } from './model-reference.js';
import { MODEL_CHANGE, ModelsRepository, type VersionWithFiles } from './models.repository.js';
import { isCompatible } from './signature-compatibility.js';
import { FIRST_VERSION, formatVersion, type VersionNumber } from './version-number.js';

/** What is known of any version that can answer. */
interface AnsweringVersion {
  modelId: string;
  /** Revision of the model's last change; a later one means that another version may answer. */
  revision: string;
  version: string;
  origin: Origin;
  signature: SignatureDefinition;
  /** By which its answers get intervals or sets; null where no labelled rows have been kept. */
  calibration: Pick<Calibration, 'scores' | 'spread' | 'seen_by'> | null;
  /** Probability from which on the second of two classes is answered; null: the more probable class is. */
  threshold: number | null;
  /** The features that it was trained on; null where they came in a ready table, and of an ensemble. */
  featureService: TrainedService | null;
}

/** A version that answers with a file of its own. */
export interface ServableFile extends AnsweringVersion {
  files: VersionFiles;
  /** What our trainer fitted; null for uploads. */
  estimator: string | null;
  ensemble?: undefined;
}

/** A version that answers with what its members answer. */
export interface ServableEnsemble extends AnsweringVersion {
  ensemble: EnsembleDefinition;
}

/** A version that can answer. */
export type ServableVersion = ServableFile | ServableEnsemble;

/** What a job made for a model; the model is created where the tenant has none of this name. */
export interface TrainedVersion {
  modelName: string;
  modelType: ModelType;
  framework: Framework;
  frameworkVersion: string;
  createdBy: string;
  jobId: string;
  files: VersionFiles;
  certainty: CertaintyFacts;
  signature: SignatureDefinition;
  metrics: Record<string, number | null>;
  importance: Importance | null;
  parameters: Record<string, unknown>;
  data: Record<string, unknown>;
}

/** What somebody made elsewhere for a model. */
export interface UploadedVersion {
  createdBy: string;
  /** undefined where the caller does not say. */
  framework: Framework | undefined;
  files: VersionFiles;
  signature: SignatureDefinition;
  /** What its caller says of its data. */
  data: Record<string, unknown>;
}

/** A version of an ensemble that is to be. */
export interface CombinedVersion {
  createdBy: string;
  definition: EnsembleDefinition;
  signature: SignatureDefinition;
  /** What it was learned by, where it was. */
  fit?: { jobId: string; data: FittedData; metrics: Record<string, number> };
}

/** A version and the names of its features. */
export interface VersionFeatures {
  readonly version: string;
  readonly features: readonly string[];
}

/** Versions as other modules need them: to fill one, and to answer with one. */
@Injectable()
export class VersionsService {
  constructor(
    private readonly database: Database,
    private readonly models: ModelsRepository,
    private readonly certainties: CertaintiesRepository,
    private readonly finder: ModelFinder,
    private readonly outbox: Outbox,
    private readonly changes: Changes,
    private readonly features: FeatureVersionsService,
  ) {}

  /**
   * The model that a training is for; null where none has the name yet.
   * @throws Problem 404 for the id of a model that there is not, 422 for an ensemble
   */
  async findTrainable(tenant: string, reference: string): Promise<Model | null> {
    const model = await this.database.asTenant(tenant, (scope) =>
      isUuid(reference) ? this.finder.find(scope, reference) : this.models.find(scope, { name: reference }),
    );
    if (model) refuseEnsemble(model);
    return model;
  }

  /**
   * Publishes a trained version in the transaction that ends its job: the empty 1.0.0 of the model, else the next
   * minor number, or the next major one where a request that fitted the last version would not fit this one.
   * @throws Problem 409 where the model of this name is of another type
   */
  async publish(scope: TenantScope, trained: TrainedVersion): Promise<{ model_id: string; version: string }> {
    const model = await this.findOrCreateModel(scope, trained);
    const { modelName: _name, modelType: _type, files, certainty, ...content } = trained;
    const parts = { files, certainty };
    const number = await this.fillNext(scope, model, parts, { ...content, origin: 'trained' });
    return { model_id: model.id, version: formatVersion(number) };
  }

  /**
   * The model that an upload is for, before anything of it is read.
   * @param version the one to fill; undefined for the next
   * @throws Problem 404, 409 where the version has an artifact, 422 where the model takes no ONNX file
   */
  async uploadTarget(tenant: string, reference: string, version: string | undefined): Promise<Model> {
    return this.database.asTenant(tenant, async (scope) => {
      const model = await this.finder.find(scope, reference);
      if (version !== undefined) await this.findEmpty(scope, model, version);
      if (model.framework === 'tensorflow') {
        const detail = 'A model of tensorflow takes no ONNX file; register it with the framework onnx.';
        throw new Problem('VALIDATION_ERROR', detail);
      }
      refuseEnsemble(model);
      return model;
    });
  }

  /** @throws Problem as `FeatureVersionsService.serviceFor` */
  featureServiceFor(tenant: string, name: string, signature: SignatureDefinition): Promise<TrainedService> {
    return this.features.serviceFor(tenant, name, signature);
  }

  /**
   * Publishes an upload, in the transaction that publishes its artifact.
   * @param version the empty one to fill; undefined for the next, by the rules of `publish`
   * @throws Problem 404, or 409 where the version has got an artifact meanwhile
   */
  async publishUploaded(
    scope: TenantScope,
    modelId: string,
    version: string | undefined,
    uploaded: UploadedVersion,
  ): Promise<VersionWithFiles> {
    const model = await this.finder.lock(scope, modelId);
    // An empty version is the only one, so that it is what the next fills.
    if (version !== undefined) await this.findEmpty(scope, model, version);
    const { files, framework = await this.uploadedFramework(scope, modelId), ...content } = uploaded;
    const filling = { ...content, framework, origin: 'uploaded' as const };
    const number = await this.fillNext(scope, model, { files }, filling);
    return (await this.models.findVersion(scope, modelId, number)) as VersionWithFiles;
  }

  /**
   * The model's id with the file of a version; null for a version of an ensemble, which has none of its own.
   * @throws Problem 404 where there is no such version or it has no artifact
   */
  artifactOf(
    tenant: string,
    reference: string,
    version: string,
  ): Promise<{ modelId: string; file: FileInfo | null }> {
    return this.database.asTenant(tenant, async (scope) => {
      const model = await this.finder.find(scope, reference);
      const { files, origin } = await this.finder.findVersion(scope, model, version);
      if (!files.model && origin !== 'combined')
        throw new Problem('NOT_FOUND', `Version ${version} has no artifact yet.`);
      return { modelId: model.id, file: files.model ?? null };
    });
  }

  /**
   * The version that answers a request of the tenant.
   * @param reference the model as the request names it; see `parseModelReference`
   * @param version the one that the request names, if any
   * @throws Problem as `ModelFinder.findAnswering`, 409 where the version has no artifact
   */
  servable(tenant: string, reference: string, version: string | undefined): Promise<ServableVersion> {
    return this.database.asTenant(tenant, async (scope) => {
      const { model, found } = await this.finder.findAnswering(scope, reference, version);
      return toServable(model, found, await this.certainties.find(scope, found.id));
    });
  }

  /** Calls `handle` with the ids of models of which another version may answer now, or that are no more. */
  onChange(handle: ChangeHandler): void {
    this.changes.on(MODEL_CHANGE, handle);
  }

  /** The id of the model that a caller names. @throws Problem 404, 400 as `ModelFinder.find` */
  async findModelId(scope: TenantScope, reference: string): Promise<string> {
    return (await this.finder.find(scope, reference)).id;
  }

  /** Features of every version that has an artifact, newest first; none where the tenant has no such model. */
  async featuresOf(scope: TenantScope, modelId: string): Promise<VersionFeatures[]> {
    const rows = await this.models.featureNames(scope, modelId);
    return rows.map(({ features, ...number }) => ({ version: formatVersion(number), features }));
  }

  /** Locks a model, so that what another module keeps of it changes in turn. @returns its id @throws as `findModelId` */
  async lockModel(scope: TenantScope, reference: string): Promise<string> {
    return (await this.finder.lock(scope, reference)).id;
  }

  /** Whether a text can name a model at all: an id, a name, or either with something behind an `@`. */
  isReference(text: string): boolean {
    return modelKeyOf(text) !== undefined;
  }

  /** Ids of the models that callers of a tenant named; without those that there are not. */
  idsOf(tenant: string, references: readonly string[]): Promise<Map<string, string>> {
    return this.database.asTenant(tenant, async (scope) => {
      const keys = references.flatMap((reference) => modelKeyOf(reference) ?? []);
      const models = await this.models.findAll(scope, keys);
      // No name has the form of an id.
      const ids = new Map(models.flatMap(({ id, name }) => [[id, id] as const, [name, id] as const]));
      const named = references.map((reference) => {
        const key = modelKeyOf(reference);
        return [reference, key && ids.get('id' in key ? key.id.toLowerCase() : key.name)] as const;
      });
      return new Map(named.filter((pair): pair is readonly [string, string] => pair[1] !== undefined));
    });
  }

  /**
   * The job that trained a version and how many rounds it kept; undefined where no training made it.
   * @throws Problem 404 where there is no such version
   */
  async trainingOf(
    scope: TenantScope,
    modelId: string,
    version: string,
  ): Promise<{ jobId: string; bestRound: number } | undefined> {
    const { found } = await this.finder.findAnswering(scope, modelId, version);
    const { origin, jobId, parameters } = found;
    if (origin !== 'trained' || jobId === null) return undefined;
    return { jobId, bestRound: Number(parameters.best_round ?? 0) };
  }

  /**
   * Publishes a version of an ensemble, whose model's row is locked or new.
   * @returns its number
   */
  async publishEnsemble(scope: TenantScope, model: Model, version: CombinedVersion): Promise<string> {
    const { definition, fit, ...content } = version;
    const parameters = definition as unknown as Record<string, unknown>;
    const learned = fit && { ...fit, data: fit.data as unknown as Record<string, unknown> };
    const combined = {
      ...content,
      ...learned,
      parameters,
      framework: 'ensemble',
      origin: 'combined',
    } as const;
    return formatVersion(await this.fillNext(scope, model, { files: {} }, combined));
  }

  /** Keeps with the empty version of an ensemble what it is to be made of, or which job is to learn the rest. */
  async draftEnsemble(
    scope: TenantScope,
    { id: modelId }: Model,
    { definition, jobId }: { definition?: EnsembleDefinition; jobId?: string },
  ): Promise<void> {
    const newest = await this.models.newestVersion(scope, modelId);
    if (newest?.filledAt !== null) throw new Error(`the ensemble ${modelId} has no empty version`);
    const parameters = definition as unknown as Record<string, unknown> | undefined;
    await this.models.updateVersion(scope, newest.id, { origin: 'combined', parameters, jobId });
  }

  /** Fills the empty version, else opens the next number; the model's row must be locked. */
  private async fillNext(
    scope: TenantScope,
    model: Model,
    { files, certainty }: { files: Partial<VersionFiles>; certainty?: CertaintyFacts },
    content: Partial<ModelVersion> & Pick<ModelVersion, 'framework'> & { signature: SignatureDefinition },
  ): Promise<VersionNumber> {
    const newest = await this.models.newestVersion(scope, model.id);
    const filled = { ...content, filledAt: new Date() };
    const number = newest ? nextNumber(newest, content.signature) : FIRST_VERSION;
    const id = newest?.filledAt === null ? newest.id : newId();
    if (id === newest?.id) await this.models.updateVersion(scope, id, filled);
    else await this.models.insertVersion(scope, { id, modelId: model.id, ...number, ...filled });
    await this.models.insertFiles(scope, id, files);
    if (certainty) await this.certainties.set(scope, id, certainty);
    await this.models.noteChange(scope, model);
    await this.outbox.add(scope, {
      type: 'model.version_ready',
      data: { model_id: model.id, version: formatVersion(number), job_id: content.jobId ?? null },
    });
    return number;
  }

  /** That of the version which is to be filled, or of the upload before; a trained version says nothing of an upload. */
  private async uploadedFramework(scope: TenantScope, modelId: string): Promise<Framework> {
    const newest = await this.models.newestVersion(scope, modelId);
    return !newest || (newest.filledAt && newest.origin === 'trained') ? 'onnx' : newest.framework;
  }

  private async findEmpty(scope: TenantScope, model: Model, text: string): Promise<ModelVersion> {
    const version = await this.finder.findVersion(scope, model, text);
    if (version.filledAt === null) return version;
    const detail = `Version ${text} has an artifact, and a filled version never changes; post the next version.`;
    throw new Problem('VERSION_FILLED', detail);
  }

  /** The row of the model, locked. */
  private async findOrCreateModel(scope: TenantScope, trained: TrainedVersion): Promise<Model> {
    const { modelName: name, modelType, framework, createdBy } = trained;
    let found: Model | null = null;
    // The row that stood in the way of the insert may be deleted before it can be locked.
    for (let tries = 0; !found && tries < 10; tries++) {
      const id = newId();
      if (await this.models.insert(scope, { id, name, modelType, framework, createdBy }))
        await this.outbox.add(scope, { type: 'model.registered', data: { model_id: id } });
      found = await this.models.lock(scope, { name });
    }
    if (!found) throw new Error(`the model ${name} is deleted as often as it is made`);
    if (found.modelType !== modelType)
      throw new Problem('MODEL_EXISTS', `The model ${name} is a ${found.modelType}; this is a ${modelType}.`);
    refuseEnsemble(found);
    return found;
  }
}

/** @throws Problem 422 where only PATCH makes versions of the model */
function refuseEnsemble({ name, framework }: Model): void {
  if (framework !== 'ensemble') return;
  const detail = `The model ${name} is an ensemble, whose versions name members; choose another model.`;
  throw new Problem('VALIDATION_ERROR', detail);
}

/** An empty version is the first and only one, and is filled itself. */
function nextNumber(newest: ModelVersion, signature: SignatureDefinition): VersionNumber {
  const { major, minor, patch } = newest;
  if (newest.signature === null) return { major, minor, patch };
  return isCompatible(newest.signature, signature)
    ? { major, minor: minor + 1, patch: 0 }
    : { major: major + 1, minor: 0, patch: 0 };
}

/** @throws Problem 409 where the version has no artifact */
export function toServable(
  model: Model,
  found: VersionWithFiles,
  { calibration, threshold }: CertaintyFacts,
): ServableVersion {
  const { origin, signature, parameters } = found;
  const { model: file, ...others } = found.files;
  const version = formatVersion(found);
  const answering = {
    modelId: model.id,
    revision: model.revision,
    version,
    origin,
    calibration: calibration && {
      scores: calibration.scores,
      spread: calibration.spread,
      seen_by: calibration.seen_by,
    },
    threshold: threshold?.value ?? null,
    featureService: (found.data.feature_service as TrainedService | undefined) ?? null,
  };
  if (signature !== null && origin === 'combined')
    return { ...answering, signature, ensemble: parameters as unknown as EnsembleDefinition };
  if (!file || signature === null) {
    const why =
      origin === 'combined'
        ? `answers nothing until a fit has taught it how its members count: wait for it, or post a table to /api/v1/ensembles/${model.id}/fit`
        : 'has no artifact yet: train the model, or upload one';
    throw new Problem('STAGE_CONFLICT', `Version ${version} ${why}.`);
  }
  const { estimator } = parameters;
  return {
    ...answering,
    signature,
    files: { model: file, ...others },
    estimator: typeof estimator === 'string' ? estimator : null,
  };
}
