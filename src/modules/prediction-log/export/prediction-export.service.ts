import { Inject, Injectable } from '@nestjs/common';
import { InvalidObjectUri, ObjectNotFound, type ObjectStore, parseObjectUri } from '#libs/object-store';
import type { Identity } from '../../../platform/auth/identity.js';
import { invalid, Problem } from '../../../platform/errors/problem.js';
import { JobReruns } from '../../../platform/jobs/job-reruns.js';
import { JobsService } from '../../../platform/jobs/jobs.service.js';
import { Grants } from '../../../platform/storage/grants.js';
import { OBJECT_STORE } from '../../../platform/storage/object-store.token.js';
import { PredictionLogService } from '../prediction-log.service.js';
import { ExportPredictionsDto, type PredictionExportBody } from './prediction-export.dto.js';
import { PREDICTION_EXPORT, type PredictionExportSpec, toBody } from './prediction-export-job.js';

/** Exports of the prediction log, as their tenant uses them. */
@Injectable()
export class PredictionExportService {
  constructor(
    private readonly jobs: JobsService,
    private readonly log: PredictionLogService,
    private readonly grants: Grants,
    private readonly reruns: JobReruns,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
  ) {}

  /** @throws Problem 404, 403 for an object outside the grants, 409 where it exists */
  async submit(
    caller: Identity,
    model: string,
    dto: ExportPredictionsDto,
    rerunOf?: string,
  ): Promise<PredictionExportBody> {
    const { model_id } = await this.log.settings(caller.tenant, model);
    const { output_path, from = null, to = new Date().toISOString(), version = null } = dto;
    const address = addressOf(output_path);
    this.grants.refuseForeign(caller.tenant, address, '/output_path');
    if (from !== null && Date.parse(from) >= Date.parse(to)) throw invalid('/from', 'must be before to');
    if (!dto.overwrite && (await this.exists(address))) {
      throw new Problem('OBJECT_CONFLICT', `${output_path} exists; ask for overwrite to replace it.`);
    }
    const spec: PredictionExportSpec = { model_id, output_path, from, to, version };
    const job = await this.jobs.submit(caller.tenant, PREDICTION_EXPORT, {
      spec,
      request: dto,
      rerunOf,
      by: caller,
    });
    return toBody(job);
  }

  /**
   * Submits an export's request again, of the same model, with changes.
   * @throws Problem as `submit` and `JobReruns.request`
   */
  async rerun(caller: Identity, id: string, changes: unknown): Promise<PredictionExportBody> {
    const { spec } = await this.jobs.get(caller.tenant, PREDICTION_EXPORT, id);
    const dto = await this.reruns.request(
      caller.tenant,
      PREDICTION_EXPORT,
      id,
      ExportPredictionsDto,
      changes,
    );
    return this.submit(caller, spec.model_id, dto, id);
  }

  private async exists(address: ReturnType<typeof parseObjectUri>): Promise<boolean> {
    try {
      await this.store.head(address);
      return true;
    } catch (error) {
      if (error instanceof ObjectNotFound) return false;
      throw error;
    }
  }
}

function addressOf(path: string): ReturnType<typeof parseObjectUri> {
  try {
    return parseObjectUri(path);
  } catch (error) {
    if (error instanceof InvalidObjectUri) throw invalid('/output_path', error.message);
    throw error;
  }
}
