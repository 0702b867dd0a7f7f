import { Injectable } from '@nestjs/common';
import { Compute } from '../../platform/compute/compute.js';
import type { JobAttempt } from '../../platform/jobs/job-attempt.js';
import { Handles, type JobHandler, type Outcome } from '../../platform/jobs/job-handlers.js';
import { CertaintiesService } from '../models/certainty/certainties.service.js';
import type { CalibrationBody } from '../models/certainty/calibration.dto.js';
import { LabelledTablesService, type LabelledTableSpec } from '../serving/labelled-tables.service.js';
import { CALIBRATION, CALIBRATION_CONTRACT } from './calibration-job.js';

type CalibrationAttempt = JobAttempt<LabelledTableSpec, never>;

/** Has an engine score a labelled table with a version, and keeps what that tells of its certainty. */
@Injectable()
@Handles(CALIBRATION)
export class CalibrationProcessor implements JobHandler<LabelledTableSpec, never, CalibrationBody> {
  constructor(
    private readonly compute: Compute,
    private readonly tables: LabelledTablesService,
    private readonly certainties: CertaintiesService,
  ) {}

  async run(attempt: CalibrationAttempt): Promise<Outcome<CalibrationBody>> {
    const { claim, job } = attempt;
    const { model_id, version } = job.spec;
    const { files, engineSpec } = await this.tables.find(claim.tenant, CALIBRATION, job.spec);
    const outcome = await this.compute.run(attempt, CALIBRATION_CONTRACT, engineSpec);
    if (outcome.type !== 'succeeded') return outcome;
    const asked = { model: model_id, version, files, jobId: job.id, by: job.submittedBy };
    return {
      type: 'succeeded',
      metrics: {},
      commit: (scope) => this.certainties.keepCalibration(scope, asked, outcome.result),
    };
  }
}
