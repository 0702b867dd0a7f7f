import { Inject, Injectable } from '@nestjs/common';
import {
  expand,
  formatObjectUri,
  type ListedObject,
  type ObjectAddress,
  type ObjectStore,
} from '#libs/object-store';
import { TrainingConfig } from '../../config/index.js';
import { Problem } from '../../platform/errors/problem.js';
import { Grants } from '../../platform/storage/grants.js';
import { OBJECT_STORE } from '../../platform/storage/object-store.token.js';
import type { DataConfigDto, DataFormat } from './submit-training.dto.js';

/** What a path of a request stands for when its job runs. */
export interface DataFiles {
  format: DataFormat;
  uris: string[];
  /** For the lineage: which bytes these were. */
  files: { uri: string; size_bytes: number; etag: string }[];
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

/** Finds the files that a path, a folder or a glob stands for. */
@Injectable()
export class TrainingData {
  constructor(
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly grants: Grants,
    private readonly config: TrainingConfig,
  ) {}

  /** @throws what `find` throws */
  async findAll(
    tenant: string,
    { train_path, validation_path, format }: DataConfigDto,
  ): Promise<{ train: DataFiles; validation: DataFiles | null }> {
    const train = await this.find(tenant, train_path, format);
    const validation = validation_path ? await this.find(tenant, validation_path, format) : null;
    return { train, validation };
  }

  /**
   * @throws Problem 403 where the grant is gone since the job was submitted, 404 where there is no file, 422 where
   *   the files are of several formats; ObjectStoreError
   */
  async find(tenant: string, path: string, format: DataFormat | undefined): Promise<DataFiles> {
    this.grants.refuseForeign(tenant, path);
    const found = await expand(this.store, path, { limit: this.config.maxFiles });
    if (found.length === 0) throw new Problem('NOT_FOUND', `There is no object ${path}.`);
    const files = found.map((object) => ({
      uri: formatObjectUri(address(object)),
      size_bytes: object.size,
      etag: object.etag,
    }));
    return { format: format ?? formatOf(path, found), uris: files.map(({ uri }) => uri), files };
  }
}

function address({ bucket, key }: ObjectAddress): ObjectAddress {
  return { bucket, key };
}

function formatOf(path: string, objects: readonly ListedObject[]): DataFormat {
  const formats = new Set(
    objects.map(({ key }) => FORMATS[key.slice(key.lastIndexOf('.') + 1).toLowerCase()]),
  );
  const [format] = formats;
  if (format !== undefined && formats.size === 1) return format;
  const known = Object.keys(FORMATS).map((ending) => `.${ending}`);
  const why =
    formats.size > 1
      ? `${path} stands for files of several formats`
      : `the name of ${path} does not tell its format`;
  throw new Problem(
    'VALIDATION_ERROR',
    `${why}; end the names in one of ${known.join(', ')}, or set data_config.format.`,
  );
}
