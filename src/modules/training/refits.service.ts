import { Injectable } from '@nestjs/common';
import { JobsService } from '../../platform/jobs/jobs.service.js';
import type { DataFile } from '../../platform/storage/data-files.js';
import { TrainerSpecsService } from './trainer-specs.service.js';
import { TrainingDataService } from './training-data.service.js';
import { TRAINING } from './training-job.js';

/** A training that another job of the trainer can do again, on parts of its rows. */
export interface Refit {
  /** The files of its training data, as they are now. */
  readonly files: readonly DataFile[];
  readonly targetColumn: string;
  /** What the trainer is told: fields of contracts/training-spec.v1.schema.json. */
  readonly training: object;
}

/** Trainings that have ended, for jobs that do them again. */
@Injectable()
export class RefitsService {
  constructor(
    private readonly jobs: JobsService,
    private readonly data: TrainingDataService,
    private readonly specs: TrainerSpecsService,
  ) {}

  /** @throws Problem 404, 403 or 422 where the training or its data is not there any more */
  async find(tenant: string, jobId: string): Promise<Refit> {
    const { spec } = await this.jobs.getWithSpec(tenant, TRAINING, jobId);
    const input = await this.data.findAll({ tenant, jobId, warn: () => undefined }, spec);
    const { target_column: targetColumn } = spec.data_config;
    return { files: input.train.files, targetColumn, training: this.specs.make(spec, input) };
  }
}
