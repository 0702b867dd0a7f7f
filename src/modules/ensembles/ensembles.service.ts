import { Injectable } from '@nestjs/common';
import type { ClassificationOutput, SignatureDefinition } from '#libs/inference';
import type { Identity } from '../../platform/auth/identity.js';
import { Database, type TenantScope } from '../../platform/database/database.js';
import { invalid, Problem, unfit } from '../../platform/errors/problem.js';
import { etagOf, hasTag, refuseChanged } from '../../platform/http/etag.js';
import {
  type EnsembleVersion,
  EnsembleVersionsService,
  fitAsMember,
} from '../models/ensemble-versions.service.js';
import type { EnsembleMember } from '../models/model.entity.js';
import type { ModelBody } from '../models/models.dto.js';
import { ModelsService } from '../models/models.service.js';
import { VersionsService } from '../models/versions.service.js';
import { type EnsembleDraft, EnsembleDrafts } from './ensemble-drafts.js';
import { EnsembleFitsService } from './ensemble-fits.service.js';
import { type MemberNow, warningsOf } from './ensemble-warnings.js';
import { changedWish, fitOfNew, newWish, toMemberDto } from './ensemble-wishes.js';
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
    private readonly fits: EnsembleFitsService,
    private readonly models: ModelsService,
    private readonly versions: VersionsService,
    private readonly ensembles: EnsembleVersionsService,
  ) {}

  /**
   * Makes an ensemble that answers at once or, where a table is to teach it how its members count, once that is done.
   * @throws Problem 409 where the tenant has a model of this name, else as `EnsembleDrafts.make` and
   * `EnsembleFitsService.submit`
   */
  create(caller: Identity, dto: CreateEnsembleDto): Promise<EnsembleBody> {
    const fit = fitOfNew(dto);
    return this.database.inOneTransaction(caller.tenant, async (scope) => {
      const { definition, signature, modelType } = await this.drafts.make(scope, newWish(dto));
      const { name, description, tags } = dto;
      const asked = { name, description, tags, model_type: modelType, framework: 'ensemble' as const };
      const { model_id: id } = await this.models.register(caller, asked);
      const { model } = await this.ensembles.lock(scope, id);
      if (fit) {
        await this.versions.draftEnsemble(scope, model, { definition });
        await this.fits.submit(caller, id, fit);
      } else {
        const combined = { createdBy: caller.subject, definition, signature };
        await this.versions.publishEnsemble(scope, model, combined);
      }
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
   * @throws Problem 412 where the ensemble is not in the state that `ifMatch` names, else as `EnsembleDrafts.make` and
   * `changedWish`
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
      const draft = await this.drafts.make(scope, changedWish(dto, newest), model.id);
      if (draft.modelType !== model.modelType) {
        const detail = `The ensemble ${model.name} is a ${model.modelType}; these models are of ${draft.modelType}.`;
        throw new Problem('VALIDATION_ERROR', detail);
      }
      if (newest.signature) refuseReordered(draft, newest.signature);
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
    const found = await this.ensembles.find(scope, reference, version);
    const { members, meta, ...options } = found.definition;
    const now: MemberNow[] = [];
    for (const member of members) now.push(await this.lookAt(scope, member, found));
    const isStacking = options.method === 'stacking';
    return {
      ...toSummary(await this.models.get(scope.tenant, reference)),
      version: found.number,
      stage: found.stage,
      ready: found.signature !== null,
      ...options,
      members: now.map(({ member: { rank_scale: _, ...member }, found: answering, problem }) => ({
        ...member,
        weight: isStacking ? null : member.weight,
        answering_version: answering?.servable.version ?? null,
        problem,
      })),
      meta_model: meta ?? null,
      job_id: found.jobId,
      warnings: warningsOf(now, found),
    };
  }

  private async lookAt(
    scope: TenantScope,
    member: EnsembleMember,
    { signature, definition }: EnsembleVersion,
  ): Promise<MemberNow> {
    const { model_id, version } = toMemberDto(member);
    try {
      const found = await this.ensembles.findMember(scope, model_id, version);
      const fit = signature && fitAsMember(member, found.servable, signature, definition);
      const problem = typeof fit === 'string' ? `Version ${found.servable.version} ${fit}.` : null;
      return { member, found, problem };
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return { member, problem: error.detail };
    }
  }
}

/** @throws Problem 422 where a meta model would read the probabilities of its members in another order of classes */
function refuseReordered({ definition, signature }: EnsembleDraft, before: SignatureDefinition): void {
  const { output } = signature;
  if (!definition.meta || output.type === 'regression' || before.output.type === 'regression') return;
  if (output.labels.every((label, at) => label === (before.output as ClassificationOutput).labels[at]))
    return;
  throw unfit(
    '/method',
    'has a meta model that was learned for another order of the classes; fit the ensemble again',
  );
}

function toSummary({ model_id, current_version, tenant_id: _, ...model }: ModelBody): EnsembleSummaryBody {
  return { ensemble_id: model_id, model_id, version: current_version, ...model };
}
