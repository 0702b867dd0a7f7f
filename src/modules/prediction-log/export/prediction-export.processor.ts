import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { type ObjectStore, parseObjectUri } from '#libs/object-store';
import { RuntimeConfig } from '../../../config/index.js';
import type { JobAttempt } from '../../../platform/jobs/job-attempt.js';
import { type JobHandler, JobRunner, type Outcome } from '../../../platform/jobs/job-runner.js';
import { Grants } from '../../../platform/storage/grants.js';
import { OBJECT_STORE } from '../../../platform/storage/object-store.token.js';
import { PredictionLogService, toBody } from '../prediction-log.service.js';
import type { ExportResult } from './prediction-export.dto.js';
import { PREDICTION_EXPORT, specOf } from './prediction-export-job.js';

/** Writes logged predictions as JSON lines to one object, which appears whole; another attempt replaces it. */
@Injectable()
export class PredictionExportProcessor implements JobHandler, OnApplicationBootstrap {
  readonly kind = PREDICTION_EXPORT;
  readonly concurrency = 1;
  readonly maxRunSeconds = 24 * 3600;

  constructor(
    private readonly runtime: RuntimeConfig,
    private readonly runner: JobRunner,
    private readonly log: PredictionLogService,
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

  private async *lines(
    { claim, job, signal }: JobAttempt,
    written: { count: number },
  ): AsyncGenerator<Buffer> {
    const { model_id: modelId, from, to, version } = specOf(job);
    const window = { modelId, version: version ?? undefined, from: new Date(from ?? 0), to: new Date(to) };
    for await (const page of this.log.readWindow(claim.tenant, window)) {
      if (signal.aborted) return;
      written.count += page.length;
      yield Buffer.from(page.map((row) => `${JSON.stringify(toBody(row))}\n`).join(''));
    }
  }
}
