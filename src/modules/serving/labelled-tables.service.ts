import { Injectable } from '@nestjs/common';
import { IsIn, IsOptional, IsString } from 'class-validator';
import { type Config, TrainingConfig, UploadsConfig } from '../../config/index.js';
import { Problem, unfit } from '../../platform/errors/problem.js';
import { configuredLimits, type JobKind, type JobLimits } from '../../platform/jobs/job-kind.js';
import { JobKinds } from '../../platform/jobs/job-kinds.js';
import {
  DATA_FORMATS,
  type DataFile,
  DataFiles,
  type DataFormat,
  formatOf,
} from '../../platform/storage/data-files.js';
import type { LabelledTableDto } from '../models/labelled-table.dto.js';
import { type ResolvedVersion, type ServableEnsemble, ServingService } from './serving.service.js';

/** What answers show of the spec of a job that has an engine score a labelled table. */
export class LabelledTableSummary {
  @IsString()
  model_id: string;

  /** The version that scores it. */
  @IsString()
  version: string;
}

/** What the row of such a job keeps of its request, checked and with the choices made. */
export class LabelledTableSpec extends LabelledTableSummary {
  @IsString()
  validation_path: string;

  @IsString()
  target_column: string;

  @IsOptional()
  @IsIn(DATA_FORMATS)
  format: DataFormat | null;
}

/** A labelled table, and what is to score it. */
interface FoundTable {
  readonly files: DataFile[];
  readonly resolved: ResolvedVersion;
  /** What the engine is told: contracts/labelled-spec.v1.schema.json. */
  readonly engineSpec: object;
}

/** A labelled table is scored as a batch is, and takes the room of a training. */
export function limitsOfLabelledTables(config: Config): JobLimits {
  return configuredLimits(config, config.get(TrainingConfig));
}

/**
 * The table of a request, with the column that holds the truth.
 * @param target that the signature names
 * @param of whose signature it is, in words
 * @throws Problem 422 where neither names the column
 */
export function labelledTable(
  table: LabelledTableDto,
  target: string | null | undefined,
  of: 'version' | 'ensemble',
): Omit<LabelledTableSpec, keyof LabelledTableSummary> {
  const { validation_path, target_column, format = null } = table;
  const truth = target_column ?? target;
  if (!truth)
    throw unfit('/data_config/target_column', `must be given: the signature of the ${of} names no target`);
  return { validation_path, target_column: truth, format };
}

/** Labelled tables that an engine scores with a version, of whatever kind the job is. */
@Injectable()
export class LabelledTablesService {
  constructor(
    private readonly data: DataFiles,
    private readonly serving: ServingService,
    private readonly config: TrainingConfig,
    private readonly uploads: UploadsConfig,
    private readonly kinds: JobKinds,
  ) {}

  /**
   * @param draft what is to score it in place of the version of the spec, where that answers nothing yet
   * @throws Problem 403, 404 or 422 for what is not there any more, or cannot be read or asked now
   */
  async find(
    tenant: string,
    kind: JobKind,
    spec: LabelledTableSpec,
    draft?: ServableEnsemble,
  ): Promise<FoundTable> {
    const { model_id, version, validation_path, target_column } = spec;
    const files = await this.data.find(tenant, validation_path, this.config.maxFiles);
    if (files.length === 0) throw new Problem('NOT_FOUND', `There is no object ${validation_path}.`);
    const format = spec.format ?? formatOf(validation_path, files, 'data_config.format');
    const servable = draft ?? (await this.serving.servable(tenant, model_id, version));
    const resolved = await this.serving.resolve(tenant, servable);
    const engineSpec = {
      data: { format, files, target_column },
      model: this.serving.modelSpec(tenant, resolved),
      limits: {
        memory_bytes: this.kinds.limitsOf(kind).memoryBytes,
        model_memory_bytes: this.uploads.memoryBytes,
        model_run_seconds: this.uploads.runSeconds,
      },
    };
    return { files, resolved, engineSpec };
  }
}
