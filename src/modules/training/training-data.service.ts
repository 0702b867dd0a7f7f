import { Injectable } from '@nestjs/common';
import { TrainingConfig } from '../../config/index.js';
import { Problem } from '../../platform/errors/problem.js';
import { type DataFile, DataFiles, type DataFormat, formatOf } from '../../platform/storage/data-files.js';
import type { DataConfigDto } from './submit-training.dto.js';

/** What a path of a request stands for when its job runs. */
export interface TrainingFiles {
  format: DataFormat;
  /** For the lineage: which bytes these were. */
  files: DataFile[];
}

/** Finds the files that a job learns from. */
@Injectable()
export class TrainingDataService {
  constructor(
    private readonly data: DataFiles,
    private readonly config: TrainingConfig,
  ) {}

  /** @throws what `find` throws */
  async findAll(
    tenant: string,
    { train_path, validation_path, format }: DataConfigDto,
  ): Promise<{ train: TrainingFiles; validation: TrainingFiles | null }> {
    const train = await this.find(tenant, train_path, format);
    const validation = validation_path ? await this.find(tenant, validation_path, format) : null;
    return { train, validation };
  }

  /**
   * @throws Problem 403 where the grant is gone since the job was submitted, 404 where there is no file, 422 where
   *   the files are of several formats; ObjectStoreError
   */
  private async find(tenant: string, path: string, format: DataFormat | undefined): Promise<TrainingFiles> {
    const files = await this.data.find(tenant, path, this.config.maxFiles);
    if (files.length === 0) throw new Problem('NOT_FOUND', `There is no object ${path}.`);
    return { format: format ?? formatOf(path, files, 'data_config.format'), files };
  }
}
