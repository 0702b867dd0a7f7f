import { Injectable } from '@nestjs/common';
import { FeatureJobsConfig } from '../../../config/index.js';
import { outputOfAttempt } from '../../../platform/jobs/job-folders.js';
import type { AttemptRef, JobKind } from '../../../platform/jobs/job-kind.js';
import { JobKinds } from '../../../platform/jobs/job-kinds.js';

/** What the engine may take, and where it writes. */
@Injectable()
export class EngineRoom {
  constructor(
    private readonly kinds: JobKinds,
    private readonly config: FeatureJobsConfig,
  ) {}

  /** Fields that every contracts/features-spec.v1.schema.json has. */
  of(claim: AttemptRef, kind: JobKind): object {
    return {
      output_uri: outputOfAttempt(claim),
      limits: { memory_bytes: this.kinds.limitsOf(kind).memoryBytes },
      threads: this.config.threads,
    };
  }
}
