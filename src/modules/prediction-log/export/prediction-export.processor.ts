import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { Injectable } from '@nestjs/common';
import { parseObjectUri } from '#libs/object-store';
import type { JobAttempt } from '../../../platform/jobs/job-attempt.js';
import { Handles, type JobHandler, type Outcome } from '../../../platform/jobs/job-handlers.js';
import { Grants } from '../../../platform/storage/grants.js';
import { TenantStorage } from '../../../platform/storage/tenant-storage.js';
import { PredictionLogService, toBody } from '../prediction-log.service.js';
import type { ExportResult } from './prediction-export.dto.js';
import { PREDICTION_EXPORT, type PredictionExportSpec } from './prediction-export-job.js';

type ExportAttempt = JobAttempt<PredictionExportSpec, never>;

/** Writes logged predictions as JSON lines to one object, which appears whole; another attempt replaces it. */
@Injectable()
@Handles(PREDICTION_EXPORT)
export class PredictionExportProcessor implements JobHandler<PredictionExportSpec, never, ExportResult> {
  constructor(
    private readonly log: PredictionLogService,
    private readonly grants: Grants,
    private readonly storage: TenantStorage,
  ) {}

  async run(attempt: ExportAttempt): Promise<Outcome<ExportResult>> {
    const { output_path } = attempt.job.spec;
    const address = parseObjectUri(output_path);
    this.grants.refuseForeign(attempt.claim.tenant, address);
    const written = { count: 0 };
    const lines = Readable.from(this.lines(attempt, written), { objectMode: false });
    const gzip = output_path.endsWith('.gz') ? createGzip() : undefined;
    // pipe alone would leave the compressed stream waiting for ever.
    if (gzip) lines.once('error', (error) => gzip.destroy(error));
    try {
      const content = gzip ? lines.pipe(gzip) : lines;
      const { signal, claim } = attempt;
      const { size, sha256 } = await this.storage.put(claim.tenant, address, content, { signal });
      const result: ExportResult = { count: written.count, size_bytes: size, sha256 };
      return { type: 'succeeded', metrics: {}, commit: () => Promise.resolve(result) };
    } catch (error) {
      if (attempt.signal.aborted) return { type: 'aborted' };
      throw error;
    } finally {
      lines.destroy();
      gzip?.destroy();
    }
  }

  private async *lines(
    { claim, job, signal }: ExportAttempt,
    written: { count: number },
  ): AsyncGenerator<Buffer> {
    const { model_id: modelId, from, to, version } = job.spec;
    const window = { modelId, version: version ?? undefined, from: new Date(from ?? 0), to: new Date(to) };
    for await (const page of this.log.readWindow(claim.tenant, window)) {
      if (signal.aborted) return;
      written.count += page.length;
      yield Buffer.from(page.map((row) => `${JSON.stringify(toBody(row))}\n`).join(''));
    }
  }
}
