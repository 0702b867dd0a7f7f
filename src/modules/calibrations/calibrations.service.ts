import { Injectable } from '@nestjs/common';
import { QueryFailedError } from 'typeorm';
import type { Identity } from '../../platform/auth/identity.js';
import { Problem } from '../../platform/errors/problem.js';
import { JobReruns } from '../../platform/jobs/job-reruns.js';
import { JobsService } from '../../platform/jobs/jobs.service.js';
import { Grants } from '../../platform/storage/grants.js';
import { CertaintiesService } from '../models/certainty/certainties.service.js';
import { labelledTable } from '../serving/labelled-tables.service.js';
import { CALIBRATION } from './calibration-job.js';
import {
  type RerunCalibrationBody,
  SubmitCalibrationDto,
  type SubmittedCalibrationBody,
} from './calibrations.dto.js';

/** Calibrations of versions by labelled tables, as their tenant uses them. */
@Injectable()
export class CalibrationsService {
  constructor(
    private readonly jobs: JobsService,
    private readonly certainties: CertaintiesService,
    private readonly grants: Grants,
    private readonly reruns: JobReruns,
  ) {}

  /**
   * @throws Problem 403 for a path outside the grants, 404, 409 where the version is archived, has no artifact or is being
   * calibrated, 422 where it answers no probabilities or its target is not known
   */
  async submit(
    caller: Identity,
    reference: string,
    number: string,
    dto: SubmitCalibrationDto,
    rerunOf?: string,
  ): Promise<SubmittedCalibrationBody> {
    this.grants.refuseForeign(caller.tenant, dto.data_config.validation_path, '/data_config/validation_path');
    const { modelId, version, target } = await this.certainties.toCalibrate(caller.tenant, reference, number);
    const table = labelledTable(dto.data_config, target, 'version');
    const spec = { model_id: modelId, version, ...table };
    const job = await this.jobs
      .submit(caller.tenant, CALIBRATION, { spec, request: dto, rerunOf, by: caller })
      .catch((error: unknown) => {
        throw isUnderWay(error)
          ? new Problem(
              'JOB_STATE_CONFLICT',
              `Version ${version} is being calibrated by another job; wait for it.`,
            )
          : error;
      });
    return { job_id: job.id, status: job.status, model_id: modelId, version };
  }

  /**
   * Submits a calibration's request again, of the same version, with changes.
   * @throws Problem as `submit` and `JobReruns.request`
   */
  async rerun(caller: Identity, id: string, changes: unknown): Promise<RerunCalibrationBody> {
    const { spec } = await this.jobs.get(caller.tenant, CALIBRATION, id);
    const dto = await this.reruns.request(caller.tenant, CALIBRATION, id, SubmitCalibrationDto, changes);
    return { ...(await this.submit(caller, spec.model_id, spec.version, dto, id)), rerun_of: id };
  }
}

/** Of the open calibrations of a version there is one: migrations/0009. */
function isUnderWay(error: unknown): boolean {
  return (
    error instanceof QueryFailedError &&
    (error.driverError as { constraint?: string }).constraint === 'jobs_calibration_key'
  );
}
