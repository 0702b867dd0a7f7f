import { Injectable } from '@nestjs/common';
import { TrainingConfig, UploadsConfig } from '../../config/index.js';
import { Compute } from '../../platform/compute/compute.js';
import { Problem } from '../../platform/errors/problem.js';
import { JobKinds } from '../../platform/jobs/job-kinds.js';
import type { JobAttempt } from '../../platform/jobs/job-attempt.js';
import { Handles, type JobHandler, type Outcome } from '../../platform/jobs/job-handlers.js';
import { DataFiles, formatOf } from '../../platform/storage/data-files.js';
import { CertaintiesService } from '../models/certainty/certainties.service.js';
import type { CalibrationBody } from '../models/certainty/calibration.dto.js';
import { ServingService } from '../serving/serving.service.js';
import { CALIBRATION, CALIBRATION_CONTRACT, type CalibrationSpec } from './calibration-job.js';

type CalibrationAttempt = JobAttempt<CalibrationSpec, never>;

/** Has an engine score a labelled table with a version, and keeps what that tells of its certainty. */
@Injectable()
@Handles(CALIBRATION)
export class CalibrationProcessor implements JobHandler<CalibrationSpec, never, CalibrationBody> {
  constructor(
    private readonly compute: Compute,
    private readonly data: DataFiles,
    private readonly serving: ServingService,
    private readonly certainties: CertaintiesService,
    private readonly config: TrainingConfig,
    private readonly uploads: UploadsConfig,
    private readonly kinds: JobKinds,
  ) {}

  async run(attempt: CalibrationAttempt): Promise<Outcome<CalibrationBody>> {
    const { claim, job } = attempt;
    const { tenant } = claim;
    const { model_id, version, validation_path, target_column } = job.spec;
    const files = await this.data.find(tenant, validation_path, this.config.maxFiles);
    if (files.length === 0) throw new Problem('NOT_FOUND', `There is no object ${validation_path}.`);
    const format = job.spec.format ?? formatOf(validation_path, files, 'data_config.format');
    const servable = await this.serving.servable(tenant, model_id, version);
    const resolved = await this.serving.resolve(tenant, servable);
    const outcome = await this.compute.run(attempt, CALIBRATION_CONTRACT, {
      data: { format, files, target_column },
      model: this.serving.modelSpec(tenant, resolved),
      limits: {
        memory_bytes: this.kinds.limitsOf(CALIBRATION).memoryBytes,
        model_memory_bytes: this.uploads.memoryBytes,
        model_run_seconds: this.uploads.runSeconds,
      },
    });
    if (outcome.type !== 'succeeded') return outcome;
    const asked = { model: model_id, version, files, jobId: job.id, by: job.submittedBy };
    return {
      type: 'succeeded',
      metrics: {},
      commit: (scope) => this.certainties.keepCalibration(scope, asked, outcome.result),
    };
  }
}
