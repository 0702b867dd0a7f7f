import { Inject, Injectable } from '@nestjs/common';
import { formatObjectUri, type ObjectStore } from '#libs/object-store';
import { FeatureJobsConfig } from '../../../config/index.js';
import { Problem } from '../../../platform/errors/problem.js';
import { folderOfAttempt } from '../../../platform/jobs/job-folders.js';
import type { AttemptRef } from '../../../platform/jobs/job-kind.js';
import { type DataFile, DataFiles, formatOf } from '../../../platform/storage/data-files.js';
import { PLATFORM_BUCKET } from '../../../platform/storage/grants.js';
import { OBJECT_STORE } from '../../../platform/storage/object-store.token.js';
import type { EntityRows } from '../offline/feature-joins.service.js';
import type { HistoricalSpec } from './historical-job.js';

/** The rows of a set as files, whether they came in the request or lie in the store. */
@Injectable()
export class EntityFiles {
  constructor(
    private readonly data: DataFiles,
    private readonly config: FeatureJobsConfig,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
  ) {}

  /** @throws Problem 403 where the grant is gone, 404 where there is no file; ObjectStoreError */
  async of(claim: AttemptRef, spec: HistoricalSpec): Promise<EntityRows> {
    const columns = { timestampColumn: spec.timestamp_column, ignoreCreated: spec.ignore_created };
    const { entity_rows: rows, entity_columns: names } = spec;
    if (rows)
      return { format: 'json_lines', files: [await this.write(claim, rows, names ?? [])], ...columns };
    const path = spec.entity_path as string;
    const files = await this.data.find(claim.tenant, path, this.config.maxFiles);
    if (files.length === 0) throw new Problem('NOT_FOUND', `There is no object ${path}.`);
    return { format: spec.entity_format ?? formatOf(path, files, 'entity_format'), files, ...columns };
  }

  /** What lies in the folder of an attempt is cleared away when it has ended. */
  private async write(
    claim: AttemptRef,
    rows: readonly Readonly<Record<string, unknown>>[],
    names: readonly string[],
  ): Promise<DataFile> {
    const address = { bucket: PLATFORM_BUCKET, key: `${folderOfAttempt(claim)}/entity_rows.jsonl` };
    // A row that lacks a column has null there: the names of the first one decide the order of all.
    const lines = rows.map((row) => {
      const values = names.map((name) => [name, row[name] ?? null]);
      return `${JSON.stringify(Object.fromEntries(values))}\n`;
    });
    const { size, sha256 } = await this.store.put(address, Buffer.from(lines.join('')));
    return { uri: formatObjectUri(address), size_bytes: size, etag: sha256 };
  }
}
