import { Injectable } from '@nestjs/common';
import type { Identity } from '../../platform/auth/identity.js';
import { Database, type TenantScope } from '../../platform/database/database.js';
import { Problem } from '../../platform/errors/problem.js';
import { refuseChanged } from '../../platform/http/etag.js';
import { isUuid, newId } from '../../platform/http/identifiers.js';
import { decodeCursor, pageOf } from '../../platform/http/page.js';
import { Outbox } from '../../platform/outbox/outbox.js';
import type { VersionImportanceBody } from './importance.dto.js';
import type { Model, ModelVersion } from './model.entity.js';
import type {
  HistoryPage,
  ListModelsQuery,
  ModelBody,
  ModelPage,
  MoveStageDto,
  RegisterModelDto,
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
import { ModelsRepository, type VersionWithFiles } from './models.repository.js';
import { allowedMoves } from './stage.js';
import { FIRST_VERSION, formatVersion, parseVersion } from './version-number.js';

/** The registry as its tenant uses it. */
@Injectable()
export class ModelsService {
  constructor(
    private readonly database: Database,
    private readonly models: ModelsRepository,
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
        createdBy: caller.subject,
      });
      await this.models.raiseRevision(scope, id);
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
        (model) =>
          toModelBody(
            model,
            states.filter(({ modelId }) => modelId === model.id),
          ),
      );
    });
  }

  get(tenant: string, id: string): Promise<ModelBody> {
    return this.database.asTenant(tenant, (scope) => this.describe(scope, id));
  }

  /** @throws Problem 412 where the model is not in the state that `ifMatch` names */
  update(
    tenant: string,
    id: string,
    { description, tags }: UpdateModelDto,
    ifMatch?: string,
  ): Promise<ModelBody> {
    return this.database.asTenant(tenant, async (scope) => {
      await this.lockIn(scope, id, ifMatch);
      await this.models.update(scope, id, { description, tags });
      return this.describe(scope, id);
    });
  }

  /** @throws Problem 409 while a version is in production, 412 as `update` */
  remove(tenant: string, id: string, ifMatch?: string): Promise<void> {
    return this.database.asTenant(tenant, async (scope) => {
      await this.lockIn(scope, id, ifMatch);
      const versions = await this.models.versionStates(scope, [id]);
      const production = versions.find(({ stage }) => stage === 'production');
      if (production) {
        throw new Problem(
          'STAGE_CONFLICT',
          `Version ${formatVersion(production)} is in production; archive it or move it to staging first.`,
        );
      }
      await this.models.raiseRevision(scope, id);
      await this.models.delete(scope, id);
      await this.outbox.add(scope, { type: 'model.deleted', data: { model_id: id } });
    });
  }

  versions(tenant: string, id: string, query: { limit: number; cursor?: string }): Promise<VersionPage> {
    const before = decodeCursor(tenant, query.cursor, (key) => parseVersion(key) !== undefined);
    return this.database.asTenant(tenant, async (scope) => {
      await this.find(scope, id);
      const rows = await this.models.versionSummaries(
        scope,
        id,
        before ? parseVersion(before) : undefined,
        query.limit + 1,
      );
      return pageOf(rows, query.limit, tenant, formatVersion, toVersionSummary);
    });
  }

  version(tenant: string, id: string, number: string): Promise<VersionBody> {
    return this.database.asTenant(tenant, async (scope) => {
      await this.find(scope, id);
      return toVersionBody(await this.findVersion(scope, id, number));
    });
  }

  /** @throws Problem 404 where there is no such version, or it was not measured */
  importance(tenant: string, id: string, number: string): Promise<VersionImportanceBody> {
    return this.database.asTenant(tenant, async (scope) => {
      await this.find(scope, id);
      return toImportanceBody(await this.findVersion(scope, id, number));
    });
  }

  /** @throws Problem 409 for a move that the stages do not have, saying which they have, 412 as `update` */
  move(caller: Identity, id: string, dto: MoveStageDto, ifMatch?: string): Promise<ModelBody> {
    return this.database.asTenant(caller.tenant, async (scope) => {
      const model = await this.lockIn(scope, id, ifMatch);
      const version = await this.findVersion(scope, id, dto.version);
      refuseMove(version, dto);
      if (dto.target_stage === 'production') await this.retire(scope, caller, model, dto);
      await this.changeStage(scope, caller, version, dto);
      if (dto.target_stage === 'production') await this.models.update(scope, id, { hadProduction: true });
      else await this.models.update(scope, id, {});
      await this.models.raiseRevision(scope, id);
      return this.describe(scope, id);
    });
  }

  history(tenant: string, id: string, query: { limit: number; cursor?: string }): Promise<HistoryPage> {
    const before = decodeCursor(tenant, query.cursor, isUuid);
    return this.database.asTenant(tenant, async (scope) => {
      await this.find(scope, id);
      const rows = await this.models.moves(scope, id, before, query.limit + 1);
      return pageOf(rows, query.limit, tenant, (change) => change.id, toStageChangeBody);
    });
  }

  /** The version in production so far goes to the archive with the promotion of its successor. */
  private async retire(scope: TenantScope, caller: Identity, model: Model, dto: MoveStageDto): Promise<void> {
    const current = await this.models.productionVersion(scope, model.id);
    if (!current) return;
    const reason = `version ${dto.version} went to production`;
    await this.changeStage(scope, caller, current, {
      version: formatVersion(current),
      target_stage: 'archived',
      reason,
    });
  }

  private async changeStage(
    scope: TenantScope,
    caller: Identity,
    version: ModelVersion,
    dto: MoveStageDto,
  ): Promise<void> {
    const { modelId, stage: fromStage } = version;
    const number = formatVersion(version);
    const toStage = dto.target_stage;
    await this.models.updateVersion(scope, version.id, { stage: toStage });
    await this.models.recordMove(scope, {
      id: newId(),
      modelId,
      version: number,
      fromStage,
      toStage,
      reason: dto.reason,
      changedBy: caller.subject,
    });
    await this.outbox.add(scope, {
      type: 'model.stage_changed',
      data: { model_id: modelId, version: number, from_stage: fromStage, to_stage: toStage },
    });
  }

  private async describe(scope: TenantScope, id: string): Promise<ModelBody> {
    const model = await this.find(scope, id);
    return toModelBody(model, await this.models.versionStates(scope, [id]));
  }

  private async find(scope: TenantScope, id: string): Promise<Model> {
    return (isUuid(id) && (await this.models.find(scope, id))) || modelNotFound(id);
  }

  /** Locks a model for a change, if it is in the state that `ifMatch` names. */
  private async lockIn(scope: TenantScope, id: string, ifMatch: string | undefined): Promise<Model> {
    const model = (isUuid(id) && (await this.models.lock(scope, id))) || modelNotFound(id);
    if (ifMatch !== undefined) refuseChanged(ifMatch, await this.describe(scope, id));
    return model;
  }

  private async findVersion(scope: TenantScope, modelId: string, text: string): Promise<VersionWithFiles> {
    const number = parseVersion(text);
    return (
      (number && (await this.models.findVersion(scope, modelId, number))) || versionNotFound(modelId, text)
    );
  }
}

export function modelNotFound(id: string): never {
  throw new Problem('MODEL_NOT_FOUND', `There is no model ${shortened(id)}.`);
}

export function versionNotFound(modelId: string, version: string): never {
  throw new Problem('MODEL_NOT_FOUND', `The model ${modelId} has no version ${shortened(version)}.`);
}

/** A caller may send any text where an id belongs. */
function shortened(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function refuseMove(version: ModelVersion, { version: number, target_stage: target }: MoveStageDto): void {
  const allowed = allowedMoves(version.stage, version.filledAt !== null);
  if (allowed.includes(target)) return;
  const why = version.filledAt === null ? 'has no artifact yet' : `is in ${version.stage}`;
  const where = allowed.length > 0 ? `it can go to ${allowed.join(' or ')}` : 'it cannot leave development';
  throw new Problem('STAGE_CONFLICT', `Version ${number} ${why} and cannot go to ${target}; ${where}.`);
}
