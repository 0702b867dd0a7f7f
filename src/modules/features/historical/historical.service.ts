import { Inject, Injectable } from '@nestjs/common';
import { ObjectNotFound, type ObjectStore, parseObjectUri } from '#libs/object-store';
import type { Identity } from '../../../platform/auth/identity.js';
import { invalid, Problem } from '../../../platform/errors/problem.js';
import { JobsService } from '../../../platform/jobs/jobs.service.js';
import { Grants } from '../../../platform/storage/grants.js';
import { OBJECT_STORE } from '../../../platform/storage/object-store.token.js';
import { parseOutputPath } from '../../../platform/storage/output-folder.js';
import { refuseDuringErasure } from '../erasure/erasure-job.js';
import { FeatureJoins } from '../offline/feature-joins.service.js';
import { refuseUnfitRows } from './entity-rows.js';
import { HISTORICAL, type HistoricalSpec, outputOf } from './historical-job.js';
import type { SubmittedHistoricalBody } from './historical.dto.js';
import type { SubmitHistoricalDto } from './submit-historical.dto.js';

const TIMESTAMP = 'event_timestamp';

/** Historical sets as their tenant submits them. */
@Injectable()
export class HistoricalService {
  constructor(
    private readonly jobs: JobsService,
    private readonly joins: FeatureJoins,
    private readonly grants: Grants,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
  ) {}

  /**
   * @throws Problem 400 for the envelope, 403 outside of the grants, 409 where the file is there, 422 for features that
   *   there are not and rows that do not have what they need
   */
  async submit(caller: Identity, dto: SubmitHistoricalDto): Promise<SubmittedHistoricalBody> {
    const { tenant } = caller;
    const spec = await this.specify(tenant, dto);
    if (spec.output_path !== null && !spec.overwrite) await this.refuseExisting(spec.output_path);
    await refuseDuringErasure(this.jobs, tenant);
    const job = await this.jobs.submit(tenant, HISTORICAL, { spec, by: caller });
    return { job_id: job.id, status: job.status, output_path: outputOf(job) };
  }

  private async specify(tenant: string, dto: SubmitHistoricalDto): Promise<HistoricalSpec> {
    const { name, entity_rows: rows, entity_path: path } = dto;
    if ((rows === undefined) === (path === undefined))
      throw invalid('/entity_rows', 'must be there, or entity_path, and not both');
    if (path !== undefined) this.grants.refuseForeign(tenant, path, '/entity_path');
    const timestampColumn = dto.timestamp_column ?? TIMESTAMP;
    const features = await this.joins.pin(tenant, dto);
    if (rows) refuseUnfitRows(rows, timestampColumn, await this.joins.plan(tenant, features));
    return {
      name,
      feature_service: dto.feature_service ?? null,
      features,
      entity_rows: rows ?? null,
      entity_columns: rows ? [...new Set(rows.flatMap(Object.keys))] : null,
      entity_path: path ?? null,
      entity_format: dto.entity_format ?? null,
      timestamp_column: timestampColumn,
      ignore_created: dto.ignore_created ?? false,
      output_path: dto.output_path === undefined ? null : this.fileIn(tenant, dto.output_path, name),
      overwrite: dto.overwrite ?? false,
    };
  }

  private fileIn(tenant: string, path: string, name: string): string {
    const folder = parseOutputPath(path);
    this.grants.refuseForeign(tenant, folder, '/output_path');
    return `s3://${folder.bucket}/${folder.prefix}${name}.parquet`;
  }

  private async refuseExisting(path: string): Promise<void> {
    try {
      await this.store.head(parseObjectUri(path));
    } catch (error) {
      if (error instanceof ObjectNotFound) return;
      throw error;
    }
    throw taken(path);
  }
}

/** The file that a set shall be is there already. */
export function taken(path: string): Problem {
  return new Problem(
    'OUTPUT_EXISTS',
    `${path} exists; choose another name or folder, or set overwrite to replace it.`,
    {
      errors: [{ pointer: '/output_path', message: 'holds a file of this name' }],
    },
  );
}
