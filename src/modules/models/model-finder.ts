import { Injectable } from '@nestjs/common';
import type { TenantScope } from '../../platform/database/database.js';
import { invalid, Problem } from '../../platform/errors/problem.js';
import { currentVersion, defaultVersion, type VersionState, versionInStage } from './default-version.js';
import type { Model } from './model.entity.js';
import { type ModelKey, parseModelReference } from './model-reference.js';
import { ModelsRepository, type VersionWithFiles } from './models.repository.js';
import type { Stage } from './stage.js';
import { parseVersion } from './version-number.js';

/** Finds what a caller's reference to a model means: see `parseModelReference`. */
@Injectable()
export class ModelFinder {
  constructor(private readonly models: ModelsRepository) {}

  /** @throws Problem 404, 400 where the reference names one version by its stage */
  async find(scope: TenantScope, reference: string): Promise<Model> {
    return (await this.models.find(scope, wholeModel(reference))) ?? modelNotFound(reference);
  }

  /** Finds the model and locks its row. @throws Problem 404, 400 as `find` */
  async lock(scope: TenantScope, reference: string): Promise<Model> {
    return (await this.models.lock(scope, wholeModel(reference))) ?? modelNotFound(reference);
  }

  /**
   * The version that answers a request.
   * @param version the one that the request names, if any
   * @throws Problem 404, 400 for a version beside a stage, 409 where none is in the stage, or none answers by default
   */
  async findAnswering(
    scope: TenantScope,
    reference: string,
    version: string | undefined,
  ): Promise<{ model: Model; found: VersionWithFiles }> {
    const { by, stage } = parseModelReference(reference) ?? modelNotFound(reference);
    if (stage && version !== undefined) {
      throw invalid('/version', `must be left out where model_id names a version by its stage, ${stage}`);
    }
    const model = (await this.models.find(scope, by)) ?? modelNotFound(reference);
    if (version !== undefined) return { model, found: await this.findVersion(scope, model, version) };
    const chosen = await this.choose(scope, model, stage);
    const found = await this.models.findVersion(scope, model.id, chosen);
    // The model may be deleted between the statements.
    return { model, found: found ?? modelNotFound(reference) };
  }

  /**
   * A model, and the version to show of it: that of the stage where the reference names one, else the one that answers by
   * default or, where none does, the first.
   * @throws Problem 404, 409 where none is in the stage
   */
  async findShown(
    scope: TenantScope,
    reference: string,
  ): Promise<{ model: Model; shown: VersionState | undefined }> {
    const { by, stage } = parseModelReference(reference) ?? modelNotFound(reference);
    const model = (await this.models.find(scope, by)) ?? modelNotFound(reference);
    const versions = await this.models.versionStates(scope, [model.id]);
    const shown = stage
      ? (versionInStage(versions, stage) ?? nothingInStage(model, stage))
      : currentVersion(versions, model.hadProduction);
    return { model, shown };
  }

  /** @throws Problem 404 */
  async findVersion(scope: TenantScope, { id }: Model, text: string): Promise<VersionWithFiles> {
    const number = parseVersion(text);
    const found = number && (await this.models.findVersion(scope, id, number));
    if (found) return found;
    throw new Problem('MODEL_NOT_FOUND', `The model ${id} has no version ${shortened(text)}.`);
  }

  private async choose(scope: TenantScope, model: Model, stage: Stage | undefined): Promise<VersionState> {
    const versions = await this.models.versionStates(scope, [model.id]);
    if (stage) return versionInStage(versions, stage) ?? nothingInStage(model, stage);
    const found = defaultVersion(versions, model.hadProduction);
    if (found) return found;
    const why = model.hadProduction ? 'has no version in production' : 'has no version with an artifact yet';
    throw new Problem(
      'STAGE_CONFLICT',
      `The model ${model.id} ${why}; promote one, or name a version in the request.`,
    );
  }
}

function nothingInStage({ id }: Model, stage: Stage): never {
  throw new Problem(
    'STAGE_CONFLICT',
    `The model ${id} has no version with an artifact in ${stage}; move one there, or ask for another.`,
  );
}

function modelNotFound(reference: string): never {
  throw new Problem('MODEL_NOT_FOUND', `There is no model ${shortened(reference)}.`);
}

/** @throws Problem 404 for what no model can be called, 400 for a reference to one version by its stage */
function wholeModel(reference: string): ModelKey {
  const { by, stage } = parseModelReference(reference) ?? modelNotFound(reference);
  if (stage === undefined) return by;
  throw invalid('/model_id', `must name a whole model here: leave out @${stage}`);
}

/** A caller may send any text where a model or version belongs. */
function shortened(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
