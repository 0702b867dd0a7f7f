import { Injectable } from '@nestjs/common';
import { formatMicroseconds } from '#libs/features';
import { formatObjectUri } from '#libs/object-store';
import { Database, type TenantScope } from '../../../platform/database/database.js';
import { newId } from '../../../platform/http/identifiers.js';
import { TenantStorage } from '../../../platform/storage/tenant-storage.js';
import type { StoredView } from '../definitions/definitions.js';
import type { FeatureFile } from '../files/feature-file.entity.js';
import { featureFileAddress } from '../files/feature-files.js';
import { FeatureFilesRepository } from '../files/feature-files.repository.js';
import { NO_CREATED, PushedRowsRepository, type TakenRow } from '../online/pushed-rows.repository.js';

/** Rows of one file at most, and bytes of their JSON. */
const MAX_ROWS = 100_000;
const MAX_BYTES = 32 * 2 ** 20;

/**
 * Names of the times in files of pushed rows. No column of a view can have such a name, so that none is hidden by them.
 */
export const PUSHED_TIMES = {
  timestamp: '@event_timestamp',
  created: '@created',
  expires: '@expires',
} as const;

/** Rows that were pushed, as files that jobs read: JSON lines, written once, listed in `feature_files`. */
@Injectable()
export class PushedFiles {
  constructor(
    private readonly database: Database,
    private readonly rows: PushedRowsRepository,
    private readonly files: FeatureFilesRepository,
    private readonly storage: TenantStorage,
  ) {}

  /**
   * Makes files of the rows that are in none yet.
   * @param jobId the job that is about to read them
   * @returns all files of the version, in the order of the pushes
   * @throws Problem 507 where the tenant has no room; ObjectStoreError, DatabaseUnavailable
   */
  async of(tenant: string, view: StoredView, jobId: string): Promise<FeatureFile[]> {
    while ((await this.database.asTenant(tenant, (scope) => this.move(scope, view, jobId))) > 0);
    return this.database.asTenant(tenant, (scope) => this.files.pushed(scope, view));
  }

  /** An object whose transaction does not commit is one that no row names: the sweeper deletes it. */
  private async move(scope: TenantScope, view: StoredView, jobId: string): Promise<number> {
    const rows = await this.rows.take(scope, view, MAX_ROWS, MAX_BYTES);
    if (rows.length === 0) return 0;
    const id = newId();
    const address = featureFileAddress(scope.tenant, `pushed-${id}.jsonl`);
    const lines = rows.map((row) => `${JSON.stringify(lineOf(row))}\n`);
    const { size, sha256 } = await this.storage.put(scope.tenant, address, Buffer.from(lines.join('')));
    await this.files.add(scope, {
      ...{ id, kind: 'pushed', uri: formatObjectUri(address), format: 'json_lines' },
      ...{ view: view.name, version: view.version, jobId },
      ...{ entities: view.entities, keyColumns: view.keys },
      ...{ rows: rows.length, sizeBytes: size, sha256 },
    });
    return rows.length;
  }
}

function lineOf({ values, eventUs, createdUs }: TakenRow): object {
  return {
    ...values,
    [PUSHED_TIMES.timestamp]: formatMicroseconds(Number(eventUs)),
    [PUSHED_TIMES.created]: createdUs === NO_CREATED ? null : formatMicroseconds(Number(createdUs)),
  };
}
