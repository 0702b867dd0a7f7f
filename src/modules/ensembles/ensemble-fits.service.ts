import { Injectable } from '@nestjs/common';
import type { Identity } from '../../platform/auth/identity.js';
import { Database } from '../../platform/database/database.js';
import { Problem, unfit } from '../../platform/errors/problem.js';
import { JobReruns } from '../../platform/jobs/job-reruns.js';
import { JobsService } from '../../platform/jobs/jobs.service.js';
import { Grants } from '../../platform/storage/grants.js';
import { EnsembleVersionsService } from '../models/ensemble-versions.service.js';
import type { EnsembleMethod } from '../models/model.entity.js';
import { type ServableEnsemble, VersionsService } from '../models/versions.service.js';
import { labelledTable } from '../serving/labelled-tables.service.js';
import { EnsembleDrafts } from './ensemble-drafts.js';
import { ENSEMBLE_FIT, type EnsembleFitSpec } from './ensemble-fit-job.js';
import {
  type RerunEnsembleFitBody,
  SubmitEnsembleFitDto,
  type SubmittedEnsembleFitBody,
} from './ensemble-fits.dto.js';
import { wishFor } from './ensemble-wishes.js';

/** Of ensembles whose members all have to answer probabilities or values as they are. */
const FITTED_METHODS: readonly EnsembleMethod[] = ['voting_soft', 'averaging', 'stacking'];
const DEFAULT_ROUNDS = 50;
const DEFAULT_FOLDS = 5;

/** Fits of ensembles by labelled tables, as their tenant uses them. */
@Injectable()
export class EnsembleFitsService {
  constructor(
    private readonly database: Database,
    private readonly ensembles: EnsembleVersionsService,
    private readonly versions: VersionsService,
    private readonly drafts: EnsembleDrafts,
    private readonly jobs: JobsService,
    private readonly grants: Grants,
    private readonly reruns: JobReruns,
  ) {}

  /**
   * @throws Problem 403 for a path outside the grants, 404, 422 where the ensemble does not ask all members for
   * probabilities or values, or its target is not known
   */
  submit(
    caller: Identity,
    reference: string,
    dto: SubmitEnsembleFitDto,
    rerunOf?: string,
  ): Promise<SubmittedEnsembleFitBody> {
    const { method, data_config, rounds, folds = DEFAULT_FOLDS } = dto;
    this.grants.refuseForeign(caller.tenant, data_config.validation_path, '/data_config/validation_path');
    if (method !== 'greedy' && rounds !== undefined) throw unfit('/rounds', 'is for the method greedy');
    return this.database.inOneTransaction(caller.tenant, async (scope) => {
      const { model, newest } = await this.ensembles.lock(scope, reference);
      const { definition } = newest;
      if (!FITTED_METHODS.includes(definition.method) || definition.strategy === 'cascade') {
        const what = definition.strategy === 'cascade' ? 'a cascade' : `of the method ${definition.method}`;
        const detail = `Version ${newest.number} of ${model.name} is ${what}; a fit is of the methods ${FITTED_METHODS.join(', ')} that ask all members.`;
        throw new Problem('VALIDATION_ERROR', detail);
      }
      const { signature } = newest.signature
        ? newest
        : await this.drafts.make(scope, wishFor(definition), model.id);
      const spec = {
        model_id: model.id,
        version: newest.number,
        ...labelledTable(data_config, signature?.target, 'ensemble'),
        method,
        ...(method === 'greedy' && { rounds: rounds ?? DEFAULT_ROUNDS }),
        folds,
      };
      const submission = { spec, request: dto, rerunOf, by: caller };
      const job = await this.jobs.submit(caller.tenant, ENSEMBLE_FIT, submission);
      if (!newest.signature) await this.versions.draftEnsemble(scope, model, { jobId: job.id });
      return { job_id: job.id, status: job.status, ensemble_id: model.id, version: newest.number };
    });
  }

  /**
   * What the members of a fit's version are asked as where that answers nothing yet; undefined where it answers.
   * @throws Problem as `EnsembleDrafts.make`, of what has changed meanwhile
   */
  draftOf(tenant: string, { model_id, version }: EnsembleFitSpec): Promise<ServableEnsemble | undefined> {
    return this.database.asTenant(tenant, async (scope) => {
      const found = await this.ensembles.find(scope, model_id, version);
      if (found.signature) return undefined;
      const { definition, signature } = await this.drafts.make(scope, wishFor(found.definition), model_id);
      const named = { modelId: model_id, version, revision: '0', origin: 'combined' as const };
      return {
        ...named,
        signature,
        ensemble: definition,
        calibration: null,
        threshold: null,
        featureService: null,
      };
    });
  }

  /**
   * Submits a fit's request again, with changes, of the newest version of the same ensemble.
   * @throws Problem as `submit` and `JobReruns.request`
   */
  async rerun(caller: Identity, id: string, changes: unknown): Promise<RerunEnsembleFitBody> {
    const { spec } = await this.jobs.get(caller.tenant, ENSEMBLE_FIT, id);
    const dto = await this.reruns.request(caller.tenant, ENSEMBLE_FIT, id, SubmitEnsembleFitDto, changes);
    return { ...(await this.submit(caller, spec.model_id, dto, id)), rerun_of: id };
  }
}
