import { Injectable } from '@nestjs/common';
import type { Identity } from '../../platform/auth/identity.js';
import { Database } from '../../platform/database/database.js';
import { Problem } from '../../platform/errors/problem.js';
import { JobReruns } from '../../platform/jobs/job-reruns.js';
import { JobsService } from '../../platform/jobs/jobs.service.js';
import { Grants } from '../../platform/storage/grants.js';
import { EnsembleVersionsService } from '../models/ensemble-versions.service.js';
import { labelledTable } from '../serving/labelled-tables.service.js';
import { ENSEMBLE_FIT } from './ensemble-fit-job.js';
import {
  type RerunEnsembleFitBody,
  SubmitEnsembleFitDto,
  type SubmittedEnsembleFitBody,
} from './ensemble-fits.dto.js';

const DEFAULT_ROUNDS = 50;

/** Fits of ensembles' weights, as their tenant uses them. */
@Injectable()
export class EnsembleFitsService {
  constructor(
    private readonly database: Database,
    private readonly ensembles: EnsembleVersionsService,
    private readonly jobs: JobsService,
    private readonly grants: Grants,
    private readonly reruns: JobReruns,
  ) {}

  /**
   * @throws Problem 403 for a path outside the grants, 404, 422 where the answers of the ensemble are no weighted mean or
   * its target is not known
   */
  async submit(
    caller: Identity,
    reference: string,
    dto: SubmitEnsembleFitDto,
    rerunOf?: string,
  ): Promise<SubmittedEnsembleFitBody> {
    this.grants.refuseForeign(caller.tenant, dto.data_config.validation_path, '/data_config/validation_path');
    const { model, newest } = await this.database.inOneTransaction(caller.tenant, (scope) =>
      this.ensembles.lock(scope, reference),
    );
    const { method, strategy } = newest.definition;
    if (method === 'voting_hard' || strategy === 'cascade') {
      const what = strategy === 'cascade' ? 'a cascade' : `of the method ${method}`;
      const detail = `Version ${newest.number} of ${model.name} is ${what}; weights are learned for the methods voting_soft and averaging that ask all members.`;
      throw new Problem('VALIDATION_ERROR', detail);
    }
    const spec = {
      model_id: model.id,
      version: newest.number,
      ...labelledTable(dto.data_config, newest.signature.target, 'ensemble'),
      rounds: dto.rounds ?? DEFAULT_ROUNDS,
    };
    const job = await this.jobs.submit(caller.tenant, ENSEMBLE_FIT, {
      spec,
      request: dto,
      rerunOf,
      by: caller,
    });
    return { job_id: job.id, status: job.status, ensemble_id: model.id, version: newest.number };
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
