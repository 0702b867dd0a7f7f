import { Injectable } from '@nestjs/common';
import type { Identity } from '../../platform/auth/identity.js';
import { Database, type TenantScope } from '../../platform/database/database.js';
import { Problem } from '../../platform/errors/problem.js';
import { refuseChanged } from '../../platform/http/etag.js';
import { isUuid, newId } from '../../platform/http/identifiers.js';
import { decodeCursor, pageOf } from '../../platform/http/page.js';
import { Outbox } from '../../platform/outbox/outbox.js';
import { CertaintiesRepository } from './certainty/certainties.repository.js';
import { currentVersion } from './default-version.js';
import type { VersionImportanceBody } from './importance.dto.js';
import type { Model, ModelVersion } from './model.entity.js';
import { ModelFinder } from './model-finder.js';
import type {
  HistoryPage,
  ListModelsQuery,
  ModelBody,
  ModelPage,
  MoveStageDto,
  RegisterModelDto,
  RollBackDto,
  UpdateModelDto,
  VersionBody,
  VersionPage,
} from './models.dto.js';
import {
  toImportanceBody,
  toModelBody,
  toStageChangeBody,
  toVersionBody,
  toVersionSummary,
} from './models.mapping.js';
import { ModelsRepository } from './models.repository.js';
import { versionBefore } from './rollback.js';
import { allowedMoves, type Stage } from './stage.js';
import { FIRST_VERSION, formatVersion, parseVersion } from './version-number.js';

/** The registry as its tenant uses it. */
@Injectable()
export class ModelsService {
  constructor(
    private readonly database: Database,
    private readonly models: ModelsRepository,
    private readonly certainties: CertaintiesRepository,
    private readonly finder: ModelFinder,
    private readonly outbox: Outbox,
  ) {}

  /** @throws Problem 409 where the tenant has a model of this name */
  register(caller: Identity, dto: RegisterModelDto): Promise<ModelBody> {
    return this.database.asTenant(caller.tenant, async (scope) => {
      const id = newId();
      const { name, description = '', framework, tags = {} } = dto;
      const model = {
        id,
        name,
        description,
        modelType: dto.model_type,
        framework,
        tags,
        createdBy: caller.subject,
      };
      if (!(await this.models.insert(scope, model))) {
        throw new Problem('MODEL_EXISTS', `There is a model named ${name} already.`);
      }
      await this.models.insertVersion(scope, {
        id: newId(),
        modelId: id,
        ...FIRST_VERSION,
        framework,
        createdBy: caller.subject,
      });
      await this.models.noteChange(scope, await this.finder.find(scope, id));
      await this.outbox.add(scope, { type: 'model.registered', data: { model_id: id } });
      return this.describe(scope, id);
    });
  }

  list(tenant: string, query: ListModelsQuery): Promise<ModelPage> {
    const before = decodeCursor(tenant, query.cursor, isUuid);
    const { stage, framework, name, limit, tag } = query;
    const colon = tag?.indexOf(':') ?? -1;
    const tags: [string, string][] = tag ? [[tag.slice(0, colon), tag.slice(colon + 1)]] : [];
    return this.database.asTenant(tenant, async (scope) => {
      const rows = await this.models.list(scope, { stage, framework, name, tags, before, limit: limit + 1 });
      const states = await this.models.versionStates(
        scope,
        rows.map(({ id }) => id),
      );
      return pageOf(
        rows,
        limit,
        tenant,
        ({ id }) => id,
        (model) => {
          const versions = states.filter(({ modelId }) => modelId === model.id);
          return toModelBody(model, currentVersion(versions, model.hadProduction));
        },
      );
    });
  }

  /** @throws Problem 404, 409 where the reference names a stage that no version is in */
  get(tenant: string, reference: string): Promise<ModelBody> {
    return this.database.asTenant(tenant, (scope) => this.describe(scope, reference));
  }

  /** @throws Problem 412 where the model is not in the state that `ifMatch` names */
  update(
    tenant: string,
    reference: string,
    { description, tags }: UpdateModelDto,
    ifMatch?: string,
  ): Promise<ModelBody> {
    return this.database.asTenant(tenant, async (scope) => {
      const { id } = await this.lockIn(scope, reference, ifMatch);
      await this.models.update(scope, id, { description, tags });
      return this.describe(scope, id);
    });
  }

  /** @throws Problem 409 while a version is in production or an ensemble has it as a member, 412 as `update` */
  remove(tenant: string, reference: string, ifMatch?: string): Promise<void> {
    return this.database.asTenant(tenant, async (scope) => {
      const model = await this.lockIn(scope, reference, ifMatch);
      const { id } = model;
      const versions = await this.models.versionStates(scope, [id]);
      const production = versions.find(({ stage }) => stage === 'production');
      if (production) {
        throw new Problem(
          'STAGE_CONFLICT',
          `Version ${formatVersion(production)} is in production; archive it or move it to staging first.`,
        );
      }
      const ensembles = await this.models.ensemblesWith(scope, id);
      if (ensembles.length > 0) {
        const named = ensembles.map((name) => `'${name}'`).join(', ');
        throw new Problem(
          'STAGE_CONFLICT',
          `The model is a member of the ensemble ${named}; give that other members or delete it first.`,
        );
      }
      await this.models.noteDeletion(scope, model);
      await this.models.delete(scope, id);
      await this.outbox.add(scope, { type: 'model.deleted', data: { model_id: id } });
    });
  }

  versions(
    tenant: string,
    reference: string,
    query: { limit: number; cursor?: string },
  ): Promise<VersionPage> {
    const before = decodeCursor(tenant, query.cursor, (key) => parseVersion(key) !== undefined);
    return this.database.asTenant(tenant, async (scope) => {
      const { id } = await this.finder.find(scope, reference);
      const rows = await this.models.versionSummaries(
        scope,
        id,
        before ? parseVersion(before) : undefined,
        query.limit + 1,
      );
      return pageOf(rows, query.limit, tenant, formatVersion, toVersionSummary);
    });
  }

  version(tenant: string, reference: string, number: string): Promise<VersionBody> {
    return this.database.asTenant(tenant, async (scope) => {
      const model = await this.finder.find(scope, reference);
      const version = await this.finder.findVersion(scope, model, number);
      const { threshold } = await this.certainties.find(scope, version.id);
      return toVersionBody(version, threshold?.value ?? null);
    });
  }

  /** @throws Problem 404 where there is no such version, or it was not measured */
  importance(tenant: string, reference: string, number: string): Promise<VersionImportanceBody> {
    return this.database.asTenant(tenant, async (scope) => {
      const model = await this.finder.find(scope, reference);
      return toImportanceBody(await this.finder.findVersion(scope, model, number));
    });
  }

  /** @throws Problem 409 for a move that the stages do not have, saying which they have, 412 as `update` */
  move(caller: Identity, reference: string, dto: MoveStageDto, ifMatch?: string): Promise<ModelBody> {
    return this.database.asTenant(caller.tenant, async (scope) => {
      const model = await this.lockIn(scope, reference, ifMatch);
      const version = await this.finder.findVersion(scope, model, dto.version);
      refuseMove(version, dto);
      if (dto.target_stage === 'production') return this.promote(scope, caller, model, version, dto.reason);
      await this.changeStage(scope, caller, version, dto.target_stage, dto.reason);
      await this.models.noteChange(scope, model);
      return this.describe(scope, model.id);
    });
  }

  /**
   * Brings back the version that was in production before, and archives the one that is.
   * @throws Problem 409 where there is none, or it is not in the archive any more; 412 as `update`
   */
  rollBack(
    caller: Identity,
    reference: string,
    { reason }: RollBackDto,
    ifMatch?: string,
  ): Promise<ModelBody> {
    return this.database.asTenant(caller.tenant, async (scope) => {
      const model = await this.lockIn(scope, reference, ifMatch);
      const current = await this.models.productionVersion(scope, model.id);
      const moves = await this.models.movesOfProduction(scope, model.id);
      const before = versionBefore(moves, current && formatVersion(current));
      if (before === undefined) {
        const what = current ? `before version ${formatVersion(current)}` : 'yet';
        throw new Problem(
          'STAGE_CONFLICT',
          `No version was in production ${what}; there is none to go back to.`,
        );
      }
      const version = await this.finder.findVersion(scope, model, before);
      if (version.stage !== 'archived') {
        throw new Problem(
          'STAGE_CONFLICT',
          `Version ${before}, which was in production before, is in ${version.stage} by now; promote it from there.`,
        );
      }
      const why = reason ?? (current ? `rolled back from version ${formatVersion(current)}` : 'rolled back');
      return this.promote(scope, caller, model, version, why);
    });
  }

  history(
    tenant: string,
    reference: string,
    query: { limit: number; cursor?: string },
  ): Promise<HistoryPage> {
    const before = decodeCursor(tenant, query.cursor, isUuid);
    return this.database.asTenant(tenant, async (scope) => {
      const { id } = await this.finder.find(scope, reference);
      const rows = await this.models.moves(scope, id, before, query.limit + 1);
      return pageOf(rows, query.limit, tenant, (change) => change.id, toStageChangeBody);
    });
  }

  /** Puts a version into production; the one that has been there goes to the archive in the same transaction. */
  private async promote(
    scope: TenantScope,
    caller: Identity,
    model: Model,
    version: ModelVersion,
    reason: string | undefined,
  ): Promise<ModelBody> {
    const current = await this.models.productionVersion(scope, model.id);
    const successor = `version ${formatVersion(version)} went to production`;
    if (current) await this.changeStage(scope, caller, current, 'archived', successor);
    await this.changeStage(scope, caller, version, 'production', reason);
    await this.models.noteChange(scope, { ...model, hadProduction: true });
    return this.describe(scope, model.id);
  }

  private async changeStage(
    scope: TenantScope,
    caller: Identity,
    version: ModelVersion,
    toStage: Stage,
    reason: string | undefined,
  ): Promise<void> {
    const { modelId, stage: fromStage } = version;
    const number = formatVersion(version);
    await this.models.updateVersion(scope, version.id, { stage: toStage });
    await this.models.recordMove(scope, {
      id: newId(),
      modelId,
      version: number,
      fromStage,
      toStage,
      reason,
      changedBy: caller.subject,
    });
    await this.outbox.add(scope, {
      type: 'model.stage_changed',
      data: { model_id: modelId, version: number, from_stage: fromStage, to_stage: toStage },
    });
  }

  private async describe(scope: TenantScope, reference: string): Promise<ModelBody> {
    const { model, shown } = await this.finder.findShown(scope, reference);
    return toModelBody(model, shown);
  }

  /** Locks a model for a change, if it is in the state that `ifMatch` names. */
  private async lockIn(scope: TenantScope, reference: string, ifMatch: string | undefined): Promise<Model> {
    const model = await this.finder.lock(scope, reference);
    if (ifMatch !== undefined) refuseChanged(ifMatch, await this.describe(scope, model.id));
    return model;
  }
}

function refuseMove(version: ModelVersion, { version: number, target_stage: target }: MoveStageDto): void {
  const allowed = allowedMoves(version.stage, version.filledAt !== null);
  if (allowed.includes(target)) return;
  const why = version.filledAt === null ? 'has no artifact yet' : `is in ${version.stage}`;
  const where = allowed.length > 0 ? `it can go to ${allowed.join(' or ')}` : 'it cannot leave development';
  throw new Problem('STAGE_CONFLICT', `Version ${number} ${why} and cannot go to ${target}; ${where}.`);
}
