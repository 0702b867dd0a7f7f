import { Injectable } from '@nestjs/common';
import { fitMember, type SignatureDefinition } from '#libs/inference';
import type { Identity } from '../../platform/auth/identity.js';
import { Database, type TenantScope } from '../../platform/database/database.js';
import { invalid, Problem } from '../../platform/errors/problem.js';
import { etagOf, hasTag, refuseChanged } from '../../platform/http/etag.js';
import { EnsembleVersionsService } from '../models/ensemble-versions.service.js';
import { type EnsembleMember, type EnsembleMethod, memberReference } from '../models/model.entity.js';
import type { ModelBody } from '../models/models.dto.js';
import { ModelsService } from '../models/models.service.js';
import { VersionsService } from '../models/versions.service.js';
import { EnsembleDrafts, type EnsembleWish } from './ensemble-drafts.js';
import { type MemberNow, warningsOf } from './ensemble-warnings.js';
import type {
  ChangeEnsembleDto,
  CreateEnsembleDto,
  EnsembleBody,
  EnsemblePage,
  EnsembleSummaryBody,
  ListEnsemblesQuery,
} from './ensembles.dto.js';

/** Ensembles as their tenant uses them: models whose versions name other models. */
@Injectable()
export class EnsemblesService {
  constructor(
    private readonly database: Database,
    private readonly drafts: EnsembleDrafts,
    private readonly models: ModelsService,
    private readonly versions: VersionsService,
    private readonly ensembles: EnsembleVersionsService,
  ) {}

  /** @throws Problem 409 where the tenant has a model of this name, else as `EnsembleDrafts.make` */
  create(caller: Identity, dto: CreateEnsembleDto): Promise<EnsembleBody> {
    return this.database.inOneTransaction(caller.tenant, async (scope) => {
      const { definition, signature, modelType } = await this.drafts.make(scope, wishOf(dto, dto));
      const { name, description, tags } = dto;
      const asked = { name, description, tags, model_type: modelType, framework: 'ensemble' as const };
      const { model_id: id } = await this.models.register(caller, asked);
      const { model } = await this.ensembles.lock(scope, id);
      await this.versions.publishEnsemble(scope, model, { createdBy: caller.subject, definition, signature });
      return this.describe(scope, id);
    });
  }

  async list(tenant: string, query: ListEnsemblesQuery): Promise<EnsemblePage> {
    const { data, page } = await this.models.list(tenant, { ...query, framework: 'ensemble' });
    return { data: data.map(toSummary), page };
  }

  /**
   * @param version the one to show; undefined for the one that answers by default
   * @throws Problem 404, also for a model that is no ensemble; 409 where the reference names an empty stage
   */
  get(tenant: string, reference: string, version: string | undefined): Promise<EnsembleBody> {
    return this.database.asTenant(tenant, (scope) => this.describe(scope, reference, version));
  }

  /**
   * Makes the next version of an ensemble, which begins with what its newest version has.
   * @throws Problem 412 where the ensemble is not in the state that `ifMatch` names, else as `EnsembleDrafts.make`
   */
  change(
    caller: Identity,
    reference: string,
    dto: ChangeEnsembleDto,
    ifMatch: string | undefined,
  ): Promise<EnsembleBody> {
    if (Object.values(dto).every((value) => value === undefined))
      throw invalid('', 'the body must name something to change');
    return this.database.inOneTransaction(caller.tenant, async (scope) => {
      await this.ensembles.lockMemberships(scope);
      const { model, newest } = await this.ensembles.lock(scope, reference);
      if (ifMatch !== undefined) await this.refuseChanged(scope, model.id, newest.number, ifMatch);
      const before = newest.definition;
      const wish = wishOf(dto, { ...before, models: before.members.map(toMemberDto) });
      const draft = await this.drafts.make(scope, wish, model.id);
      if (draft.modelType !== model.modelType) {
        const detail = `The ensemble ${model.name} is a ${model.modelType}; these models are of ${draft.modelType}.`;
        throw new Problem('VALIDATION_ERROR', detail);
      }
      const { definition, signature } = draft;
      const combined = { createdBy: caller.subject, definition, signature };
      return this.describe(scope, model.id, await this.versions.publishEnsemble(scope, model, combined));
    });
  }

  /** @throws Problem 404, 409 while a version is in production, or another ensemble has it as a member */
  async remove(tenant: string, reference: string): Promise<void> {
    await this.database.inOneTransaction(tenant, async (scope) => {
      await this.ensembles.lock(scope, reference);
      await this.models.remove(tenant, reference);
    });
  }

  /** A change begins with the newest version, and a caller may have seen that one or the one that answers. */
  private async refuseChanged(
    scope: TenantScope,
    id: string,
    newest: string,
    ifMatch: string,
  ): Promise<void> {
    if (hasTag(ifMatch, etagOf(await this.describe(scope, id, newest)))) return;
    refuseChanged(ifMatch, await this.describe(scope, id));
  }

  private async describe(scope: TenantScope, reference: string, version?: string): Promise<EnsembleBody> {
    const { number, stage, definition, signature } = await this.ensembles.find(scope, reference, version);
    const { members, ...options } = definition;
    const now: MemberNow[] = [];
    for (const member of members) now.push(await this.lookAt(scope, member, signature, options.method));
    return {
      ...toSummary(await this.models.get(scope.tenant, reference)),
      version: number,
      stage,
      ...options,
      members: now.map(({ member, found, problem }) => ({
        ...member,
        answering_version: found?.servable.version ?? null,
        problem,
      })),
      warnings: warningsOf(now, signature),
    };
  }

  private async lookAt(
    scope: TenantScope,
    member: EnsembleMember,
    signature: SignatureDefinition,
    method: EnsembleMethod,
  ): Promise<MemberNow> {
    const { model_id, version } = toMemberDto(member);
    try {
      const found = await this.ensembles.findMember(scope, model_id, version);
      const fit = fitMember(found.servable.signature, signature, method);
      const problem = typeof fit === 'string' ? `Version ${found.servable.version} ${fit}.` : null;
      return { member, found, problem };
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return { member, problem: error.detail };
    }
  }
}

function wishOf(
  dto: ChangeEnsembleDto,
  before: Partial<EnsembleWish> & Pick<EnsembleWish, 'models' | 'method'>,
): EnsembleWish {
  const { strategy = before.strategy ?? 'all' } = dto;
  return {
    models: dto.models ?? before.models,
    method: dto.method ?? before.method,
    parallel_inference: dto.parallel_inference ?? before.parallel_inference ?? true,
    fail_on_partial: dto.fail_on_partial ?? before.fail_on_partial ?? false,
    min_models_required: dto.min_models_required ?? before.min_models_required ?? 1,
    strategy,
    threshold: dto.threshold ?? (strategy === 'cascade' ? (before.threshold ?? null) : null),
  };
}

function toMemberDto({ model_id, stage, version, ...options }: EnsembleMember) {
  return { ...options, model_id: memberReference({ model_id, stage }), version: version ?? undefined };
}

function toSummary({ model_id, current_version, tenant_id: _, ...model }: ModelBody): EnsembleSummaryBody {
  return { ensemble_id: model_id, model_id, version: current_version, ...model };
}
