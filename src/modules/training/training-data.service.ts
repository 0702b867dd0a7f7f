import { Injectable } from '@nestjs/common';
import { TrainingConfig } from '../../config/index.js';
import { Problem } from '../../platform/errors/problem.js';
import type { JobAttempt } from '../../platform/jobs/job-attempt.js';
import { type DataFile, DataFiles, type DataFormat, formatOf } from '../../platform/storage/data-files.js';
import { FeatureJoins, type SpecifiedJoin } from '../features/offline/feature-joins.service.js';
import type { DataConfigDto } from './submit-training.dto.js';
import type { TrainingSpec } from './training-spec.dto.js';

/** What a path of a request stands for when its job runs. */
export interface TrainingFiles {
  format: DataFormat;
  /** For the lineage: which bytes these were. */
  files: DataFile[];
}

/** What a job learns from. */
export interface TrainingInput {
  readonly train: TrainingFiles;
  readonly validation: TrainingFiles | null;
  /** What is joined to the rows of both; null where they are ready tables. */
  readonly join: SpecifiedJoin | null;
}

/** The job that is about to read the data. */
interface Reader {
  readonly tenant: string;
  readonly jobId: string;
  readonly warn: (message: string) => void;
}

const TIMESTAMP = 'event_timestamp';

/** Finds the files that a job learns from. */
@Injectable()
export class TrainingDataService {
  constructor(
    private readonly data: DataFiles,
    private readonly joins: FeatureJoins,
    private readonly config: TrainingConfig,
  ) {}

  /** @throws what `find` throws, and Problem as `FeatureJoins.specify` */
  async findAll(
    reader: Reader,
    spec: Pick<TrainingSpec, 'data_config' | 'features'>,
  ): Promise<TrainingInput> {
    const { tenant } = reader;
    const { format } = spec.data_config;
    const { trainPath, validationPath } = pathsOf(spec.data_config);
    const train = await this.find(tenant, trainPath, format);
    const validation = validationPath === null ? null : await this.find(tenant, validationPath, format);
    return { train, validation, join: spec.features ? await this.joinOf(reader, spec, train) : null };
  }

  private async joinOf(
    { tenant, jobId, warn }: Reader,
    { data_config, features = [] }: Pick<TrainingSpec, 'data_config' | 'features'>,
    train: TrainingFiles,
  ): Promise<SpecifiedJoin> {
    const plan = await this.joins.plan(tenant, features);
    const { timestamp_column: timestampColumn = TIMESTAMP, ignore_created: ignoreCreated = false } =
      data_config;
    return this.joins.specify(tenant, plan, { ...train, timestampColumn, ignoreCreated }, jobId, warn);
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

/** Where the rows lie, be they ready tables or rows of entities. */
export function pathsOf(data: DataConfigDto): { trainPath: string; validationPath: string | null } {
  return {
    trainPath: (data.feature_service === undefined ? data.train_path : data.entity_path) as string,
    validationPath: data.validation_path ?? data.entity_validation_path ?? null,
  };
}

/** The job of an attempt, as the one that is about to read its data. */
export function readerOf<Spec, Progress>(attempt: JobAttempt<Spec, Progress>): Reader {
  const { tenant, id: jobId } = attempt.claim;
  return { tenant, jobId, warn: (message) => attempt.report({ type: 'warning', message }) };
}
