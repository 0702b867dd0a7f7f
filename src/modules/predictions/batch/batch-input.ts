import { Injectable } from '@nestjs/common';
import { BatchConfig } from '../../../config/index.js';
import { unfit } from '../../../platform/errors/problem.js';
import { type DataFile, DataFiles, type DataFormat, formatOf } from '../../../platform/storage/data-files.js';

export interface Input {
  format: DataFormat;
  files: DataFile[];
}

/** Finds the files that are to be scored. */
@Injectable()
export class BatchInput {
  constructor(
    private readonly data: DataFiles,
    private readonly config: BatchConfig,
  ) {}

  /**
   * @param outputPath what lies there is output, also where the input's pattern covers it
   * @throws Problem 403 outside of the grants, 422 where there is no file or files are of several formats;
   *   ObjectStoreError
   */
  async find(tenant: string, path: string, format: DataFormat | null, outputPath: string): Promise<Input> {
    const found = await this.data.find(tenant, path, this.config.maxFiles, '/input_path');
    const files = found.filter(({ uri }) => !uri.startsWith(outputPath));
    if (files.length === 0) throw unfit('/input_path', `there is no object ${path}`);
    return { format: format ?? formatOf(path, files, 'input_format'), files };
  }
}
