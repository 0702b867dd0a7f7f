import { Injectable } from '@nestjs/common';
import type { Identity } from '../../../platform/auth/identity.js';
import { Database } from '../../../platform/database/database.js';
import { unfit } from '../../../platform/errors/problem.js';
import { JobsService } from '../../../platform/jobs/jobs.service.js';
import { FeatureVersionsService } from '../../models/feature-versions.service.js';
import { VersionsService } from '../../models/versions.service.js';
import type { ServiceFeature } from '../definitions/definitions.js';
import { SKEW, type SkewSpec } from './skew-job.js';
import type { SubmittedSkewBody } from './skew.dto.js';
import type { SubmitSkewDto } from './submit-skew.dto.js';

/** Skew reports as their tenant submits them. */
@Injectable()
export class SkewService {
  constructor(
    private readonly database: Database,
    private readonly jobs: JobsService,
    private readonly versions: VersionsService,
    private readonly features: FeatureVersionsService,
  ) {}

  /** @throws Problem 404 and 409 from the registry, 422 for a version without a feature service and times that are none */
  async submit(caller: Identity, dto: SubmitSkewDto): Promise<SubmittedSkewBody> {
    const spec = await this.specify(caller.tenant, dto);
    const { id, status } = await this.jobs.submit(caller.tenant, SKEW, { spec, by: caller });
    return { job_id: id, status, version: spec.version };
  }

  private async specify(tenant: string, { model_id, version, from, to }: SubmitSkewDto): Promise<SkewSpec> {
    if (Date.parse(from) >= Date.parse(to)) throw unfit('/from', 'must lie before to');
    const servable = await this.versions.servable(tenant, model_id, version);
    const service = await this.database.asTenant(tenant, (scope) =>
      this.features.serviceOf(scope, servable.modelId, servable.version),
    );
    if (!service) {
      const message = `has no feature service in its version ${servable.version}, so that nothing was looked up for it`;
      throw unfit('/model_id', message);
    }
    return {
      model_id: servable.modelId,
      version: servable.version,
      from,
      to,
      feature_service: service.name,
      features: service.features as ServiceFeature[],
    };
  }
}
