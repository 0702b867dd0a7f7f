import { Inject, Injectable } from '@nestjs/common';
import { expand, formatObjectUri, type ListedObject, type ObjectStore } from '#libs/object-store';
import { BatchConfig } from '../../../config/index.js';
import { Problem } from '../../../platform/errors/problem.js';
import { Grants } from '../../../platform/storage/grants.js';
import { OBJECT_STORE } from '../../../platform/storage/object-store.token.js';
import type { InputFormat } from './submit-batch.dto.js';

export interface InputFile {
  uri: string;
  size_bytes: number;
  etag: string;
}

export interface Input {
  format: InputFormat;
  files: InputFile[];
}

const FORMATS: Record<string, InputFormat> = {
  parquet: 'parquet',
  pq: 'parquet',
  csv: 'csv',
  tsv: 'csv',
  txt: 'csv',
  jsonl: 'json_lines',
  ndjson: 'json_lines',
  json: 'json_lines',
};

/** Finds the files that are to be scored. */
@Injectable()
export class BatchInput {
  constructor(
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly grants: Grants,
    private readonly config: BatchConfig,
  ) {}

  /**
   * @param outputPath what lies there is output, also where the input's pattern covers it
   * @throws Problem 403 outside of the grants, 422 where there is no file or files are of several formats;
   *   ObjectStoreError
   */
  async find(tenant: string, path: string, format: InputFormat | null, outputPath: string): Promise<Input> {
    this.grants.refuseForeign(tenant, path, '/input_path');
    const found = await expand(this.store, path, { limit: this.config.maxFiles });
    const files = found.filter((object) => !formatObjectUri(addressOf(object)).startsWith(outputPath));
    if (files.length === 0) throw refused(`there is no object ${path}`);
    return {
      format: format ?? formatOf(files),
      files: files.map((object) => ({
        uri: formatObjectUri(addressOf(object)),
        size_bytes: object.size,
        etag: object.etag,
      })),
    };
  }
}

function addressOf({ bucket, key }: { bucket: string; key: string }) {
  return { bucket, key };
}

function formatOf(objects: readonly ListedObject[]): InputFormat {
  const formats = new Set(
    objects.map(({ key }) => FORMATS[key.slice(key.lastIndexOf('.') + 1).toLowerCase()]),
  );
  const [format] = formats;
  if (format !== undefined && formats.size === 1) return format;
  const known = Object.keys(FORMATS).map((ending) => `.${ending}`);
  const why =
    formats.size > 1 ? 'stands for files of several formats' : 'does not tell its format by its name';
  throw refused(`${why}; end the names in one of ${known.join(', ')}, or set input_format`);
}

function refused(message: string): Problem {
  return new Problem('VALIDATION_ERROR', `/input_path ${message}`, {
    errors: [{ pointer: '/input_path', message }],
  });
}
