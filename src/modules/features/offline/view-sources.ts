import { Injectable } from '@nestjs/common';
import { FeatureJobsConfig } from '../../../config/index.js';
import { Problem } from '../../../platform/errors/problem.js';
import { type DataFile, DataFiles } from '../../../platform/storage/data-files.js';
import type { StoredView } from '../definitions/definitions.js';
import { PUSHED_TIMES, PushedFiles } from './pushed-files.js';
import { sourceColumns } from './source-columns.js';

/** A view as a job reads it. */
export interface ReadView {
  /** `view` of contracts/features-spec.v1.schema.json. */
  readonly spec: object;
  /** Which bytes its rows were, whether its tenant's or pushed ones. */
  readonly files: readonly DataFile[];
}

/** Finds the files that hold the rows of a view. */
@Injectable()
export class ViewSources {
  constructor(
    private readonly data: DataFiles,
    private readonly pushed: PushedFiles,
    private readonly config: FeatureJobsConfig,
  ) {}

  /**
   * @param jobId the job that is about to read them
   * @param warn told where all rows are pushed ones
   * @throws Problem 403 where the grant is gone, 404 where there is no file, 507 where the tenant has no room for a file
   *   of pushed rows; ObjectStoreError
   */
  async find(
    tenant: string,
    view: StoredView,
    jobId: string,
    warn: (message: string) => void,
  ): Promise<ReadView> {
    const { path } = view.source;
    const own = await this.data.find(tenant, path, this.config.maxFiles);
    const pushed = (await this.pushed.of(tenant, view, jobId)).map(
      ({ uri, sizeBytes, sha256 }): DataFile => ({ uri, size_bytes: sizeBytes, etag: sha256 }),
    );
    if (own.length === 0 && pushed.length === 0)
      throw new Problem('NOT_FOUND', `There is no object ${path}, the source of the view ${view.name}.`);
    if (own.length === 0)
      warn(`there is no object ${path}, the source of the view ${view.name}: it has pushed rows alone.`);
    return { spec: specOf(view, own, pushed), files: [...own, ...pushed] };
  }
}

function specOf(view: StoredView, own: readonly DataFile[], pushed: readonly DataFile[]): object {
  const keyColumns = Object.fromEntries(view.keys.map(({ name }) => [name, name]));
  const sources: object[] = [
    {
      format: view.source.format,
      uris: own.map(({ uri }) => uri),
      timestamp_column: view.timestamp_column,
      created_column: view.created_column,
      expires_column: view.expires_column,
      columns: sourceColumns(view),
      key_columns: keyColumns,
    },
  ];
  if (pushed.length > 0)
    sources.push({
      format: 'json_lines',
      uris: pushed.map(({ uri }) => uri),
      timestamp_column: PUSHED_TIMES.timestamp,
      created_column: PUSHED_TIMES.created,
      expires_column: view.expires_column === null ? null : PUSHED_TIMES.expires,
      columns: Object.fromEntries(Object.keys(sourceColumns(view)).map((name) => [name, name])),
      key_columns: keyColumns,
      distinct: true,
    });
  return {
    name: view.name,
    version: view.version,
    keys: view.keys,
    sources,
    ttl_seconds: view.ttl_seconds,
    features: view.features.map(({ name, type, rules }) => ({ name, type, rules })),
    aggregations: view.aggregations,
    layout: view.layout,
    on_failure: view.on_failure,
  };
}
