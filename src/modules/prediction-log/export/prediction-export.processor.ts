import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { type ObjectStore, parseObjectUri } from '#libs/object-store';
import { RuntimeConfig } from '../../../config/index.js';
import { Database } from '../../../platform/database/database.js';
import type { JobAttempt } from '../../../platform/jobs/job-attempt.js';
import { type JobHandler, JobRunner, type Outcome } from '../../../platform/jobs/job-runner.js';
import { Grants } from '../../../platform/storage/grants.js';
import { OBJECT_STORE } from '../../../platform/storage/object-store.token.js';
import { LogRepository } from '../log/log.repository.js';
import { timeRange, toBody } from '../log/log.service.js';
import type { ExportResult } from './prediction-export.dto.js';
import { PREDICTION_EXPORT, specOf } from './prediction-export-job.js';

/** Requests of up to a thousand rows each that are held in memory. */
const ROWS_AT_ONCE = 100;

/** Writes logged predictions as JSON lines to one object, which appears whole; another attempt replaces it. */
@Injectable()
export class PredictionExportProcessor implements JobHandler, OnApplicationBootstrap {
  readonly kind = PREDICTION_EXPORT;
  readonly concurrency = 1;
  readonly maxRunSeconds = 24 * 3600;

  constructor(
    private readonly runtime: RuntimeConfig,
    private readonly runner: JobRunner,
    private readonly database: Database,
    private readonly log: LogRepository,
    private readonly grants: Grants,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
  ) {}

  onApplicationBootstrap(): void {
    if (this.runtime.runsWorker) this.runner.start(this);
  }

  async run(attempt: JobAttempt): Promise<Outcome> {
    const { output_path } = specOf(attempt.job);
    const address = parseObjectUri(output_path);
    this.grants.refuseForeign(attempt.claim.tenant, address);
    const written = { count: 0 };
    const lines = Readable.from(this.lines(attempt, written), { objectMode: false });
    const gzip = output_path.endsWith('.gz') ? createGzip() : undefined;
    // pipe alone would leave the compressed stream waiting for ever.
    if (gzip) lines.once('error', (error) => gzip.destroy(error));
    try {
      const { size, sha256 } = await this.store.put(address, gzip ? lines.pipe(gzip) : lines, {
        signal: attempt.signal,
      });
      const result: ExportResult = { count: written.count, size_bytes: size, sha256 };
      return { type: 'succeeded', metrics: {}, commit: () => Promise.resolve({ ...result }) };
    } catch (error) {
      if (attempt.signal.aborted) return { type: 'aborted' };
      throw error;
    } finally {
      lines.destroy();
      gzip?.destroy();
    }
  }

  /** Oldest first, page by page: no transaction is open for as long as the export takes. */
  private async *lines(
    { claim, job, signal }: JobAttempt,
    written: { count: number },
  ): AsyncGenerator<Buffer> {
    const { model_id: modelId, from, to, version } = specOf(job);
    const filter = {
      modelId,
      ...(version !== null && { version }),
      ...timeRange({ to, ...(from !== null && { from }) }),
      limit: ROWS_AT_ONCE,
    };
    let after = '00000000-0000-0000-0000-000000000000';
    while (!signal.aborted) {
      const rows = await this.database.asTenant(claim.tenant, (scope) =>
        this.log.list(scope, { ...filter, after }),
      );
      const last = rows.at(-1);
      if (!last) return;
      written.count += rows.length;
      after = last.requestId;
      yield Buffer.from(rows.map((row) => `${JSON.stringify(toBody(row))}\n`).join(''));
    }
  }
}
