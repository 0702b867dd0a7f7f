import { Inject, Injectable } from '@nestjs/common';
import { formatObjectUri, type ObjectStore } from '#libs/object-store';
import { folderOfAttempt } from '../../../platform/jobs/job-folders.js';
import type { JobAttempt } from '../../../platform/jobs/job-attempt.js';
import type { DataFile } from '../../../platform/storage/data-files.js';
import { PLATFORM_BUCKET } from '../../../platform/storage/grants.js';
import { OBJECT_STORE } from '../../../platform/storage/object-store.token.js';
import type { LoggedPredictionBody } from '../../prediction-log/prediction-log.dto.js';
import { PredictionLogService, toBody } from '../../prediction-log/prediction-log.service.js';
import type { SkewSpec } from './skew-job.js';

/** Rows that one report compares at most. */
const MAX_ROWS = 500_000;
const FILE_BYTES = 16 * 2 ** 20;

/** Columns of the files; no key and no feature can be called so. */
export const TIME = '@time';
export const REQUEST = '@request_id';
/** Column of what was served of a feature, as JSON text. */
export const servedOf = (feature: string): string => `@served ${feature}`;

/** Rows that were predicted by entity, as files of JSON lines. */
export interface LoggedRows {
  readonly files: readonly DataFile[];
  readonly rows: number;
  /** Columns that any row has. */
  readonly columns: ReadonlySet<string>;
}

type Logged = Record<string, unknown>;

/** Takes from the prediction log what an engine compares. */
@Injectable()
export class LoggedRowsWriter {
  constructor(
    private readonly log: PredictionLogService,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
  ) {}

  /**
   * Writes the rows of a report into the folder of the attempt.
   * @param asked columns that a join asks the rows for
   */
  async write(attempt: JobAttempt<SkewSpec>, asked: readonly string[]): Promise<LoggedRows> {
    const { claim, job, signal } = attempt;
    const { model_id: modelId, version, from, to, features } = job.spec;
    const window = { modelId, version, from: new Date(from), to: new Date(to), shadow: false };
    const names = features.map(({ name }) => name);
    const columns = new Set<string>();
    const files: DataFile[] = [];
    let lines: string[] = [];
    let [bytes, rows] = [0, 0];
    const flush = async () => {
      if (lines.length > 0) files.push(await this.put(attempt, files.length, lines));
      [lines, bytes] = [[], 0];
    };
    for await (const page of this.log.readWindow(claim.tenant, window)) {
      for (const row of page.flatMap((logged) => rowsOf(toBody(logged), asked, names))) {
        if (rows === MAX_ROWS) {
          attempt.report({
            type: 'warning',
            message: `only the first ${MAX_ROWS} rows are compared; ask for a shorter time to compare all.`,
          });
          await flush();
          return { files, rows, columns };
        }
        for (const column in row) columns.add(column);
        const line = `${JSON.stringify(row)}\n`;
        lines.push(line);
        rows++;
        bytes += line.length;
      }
      if (bytes > FILE_BYTES) await flush();
      if (signal.aborted) break;
    }
    await flush();
    return { files, rows, columns };
  }

  private async put(
    { claim }: JobAttempt<SkewSpec>,
    at: number,
    lines: readonly string[],
  ): Promise<DataFile> {
    const name = `logged-${String(at).padStart(5, '0')}.jsonl`;
    const address = { bucket: PLATFORM_BUCKET, key: `${folderOfAttempt(claim)}/${name}` };
    const { size, sha256 } = await this.store.put(address, Buffer.from(lines.join('')));
    return { uri: formatObjectUri(address), size_bytes: size, etag: sha256 };
  }
}

/** The rows of a request that were looked up: one, or several as its features are. */
function rowsOf(
  { request_id, time, features, entity_keys }: LoggedPredictionBody,
  asked: readonly string[],
  names: readonly string[],
): Logged[] {
  if (!entity_keys || !features) return [];
  const rows = [features].flat() as Logged[];
  return ([entity_keys].flat() as (Logged | null)[]).flatMap((entity, at) => {
    const values = rows[at];
    if (!entity || !values) return [];
    const given = asked.filter((name) => Object.hasOwn(entity, name));
    const known = names.filter((name) => Object.hasOwn(values, name));
    return {
      [REQUEST]: request_id,
      [TIME]: time,
      ...Object.fromEntries(given.map((name) => [name, entity[name]])),
      ...Object.fromEntries(known.map((name) => [servedOf(name), textOf(values[name])])),
    };
  });
}

/** null: nothing was served. */
function textOf(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}
