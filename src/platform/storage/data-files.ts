import { Inject, Injectable } from '@nestjs/common';
import { expand, formatObjectUri, type ObjectStore } from '#libs/object-store';
import { Problem } from '../errors/problem.js';
import { RateLimiter } from '../rate-limit/rate-limiter.js';
import { Grants } from './grants.js';
import { OBJECT_STORE } from './object-store.token.js';

export const DATA_FORMATS = ['parquet', 'csv', 'json_lines'] as const;
export type DataFormat = (typeof DATA_FORMATS)[number];

/** With what tells one content from another: which bytes a job has read. */
export interface DataFile {
  uri: string;
  size_bytes: number;
  etag: string;
}

const FORMATS: Record<string, DataFormat> = {
  parquet: 'parquet',
  pq: 'parquet',
  csv: 'csv',
  tsv: 'csv',
  txt: 'csv',
  jsonl: 'json_lines',
  ndjson: 'json_lines',
  json: 'json_lines',
};

/** Files of rows, as requests name them: by a path, a folder or a glob. */
@Injectable()
export class DataFiles {
  constructor(
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly grants: Grants,
    private readonly rate: RateLimiter,
  ) {}

  /**
   * Each object that is looked at on the way costs the tenant a token.
   * @param pointer the field that holds the path, where a request is still there to be answered
   * @throws Problem 403 outside of the grants; ObjectStoreError
   */
  async find(tenant: string, path: string, limit: number, pointer?: string): Promise<DataFile[]> {
    this.grants.refuseForeign(tenant, path, pointer);
    const onScanned = (objects: number) => this.rate.charge(tenant, objects);
    const found = await expand(this.store, path, { limit, onScanned });
    return found.map(({ bucket, key, size, etag }) => ({
      uri: formatObjectUri({ bucket, key }),
      size_bytes: size,
      etag,
    }));
  }
}

/**
 * The format that the files' names tell.
 * @param path what stands for the files
 * @param setting the field that tells it otherwise
 * @throws Problem 422 where they tell none, or several
 */
export function formatOf(path: string, files: readonly DataFile[], setting: string): DataFormat {
  const formats = new Set(files.map(({ uri }) => FORMATS[uri.slice(uri.lastIndexOf('.') + 1).toLowerCase()]));
  const [format] = formats;
  if (format !== undefined && formats.size === 1) return format;
  const fault =
    formats.size > 1
      ? `${path} stands for files of several formats`
      : `the name of ${path} does not tell its format`;
  const known = Object.keys(FORMATS).map((ending) => `.${ending}`);
  const message = `${fault}; end the names in one of ${known.join(', ')}, or set ${setting}`;
  throw new Problem('VALIDATION_ERROR', `${message}.`, {
    errors: [{ pointer: `/${setting.replaceAll('.', '/')}`, message }],
  });
}
