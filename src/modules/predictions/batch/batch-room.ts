import { Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from '../../../platform/errors/problem.js';
import type { JobAttempt } from '../../../platform/jobs/job-attempt.js';
import type { Outcome } from '../../../platform/jobs/job-handlers.js';
import { AppLogger } from '../../../platform/observability/logger.js';
import { TenantStorage } from '../../../platform/storage/tenant-storage.js';
import { BatchOutput, MANIFEST, type ManifestPart } from './batch-output.js';

const LOOK_MS = 2000;

/** The room that batches take of their tenants' quotas: they write their parts themselves, past the service. */
@Injectable()
export class BatchRoom {
  constructor(
    private readonly storage: TenantStorage,
    private readonly output: BatchOutput,
    private readonly logger: AppLogger,
  ) {}

  /**
   * Reserves room for the parts that are there while `work` writes more of them, and fails the job once there is none.
   * The reservation, under the job's id, stays until the parts are counted or the job is cleared away.
   */
  async while<T extends Outcome>(
    attempt: Pick<JobAttempt, 'claim' | 'stop'>,
    outputPath: string,
    work: () => Promise<T>,
  ): Promise<T | Outcome<never>> {
    const { tenant, id } = attempt.claim;
    const ended = new AbortController();
    let refusal: Problem | undefined;
    const watch = async () => {
      while (!ended.signal.aborted && !refusal) {
        try {
          await this.storage.reserve(tenant, id, await this.output.bytesOf(outputPath, id));
        } catch (error) {
          if (error instanceof Problem) refusal = error;
          else this.logger.failure('the room of a batch could not be looked at', error);
        }
        if (refusal) attempt.stop('failed');
        await sleep(LOOK_MS, undefined, { signal: ended.signal }).catch(() => undefined);
      }
    };
    const watching = watch();
    try {
      const outcome = await work();
      return refusal ? { type: 'failed', code: refusal.code, message: refusal.detail } : outcome;
    } finally {
      ended.abort();
      await watching;
    }
  }

  /**
   * Counts what a batch has written, its manifest with it, in place of what was reserved for it.
   * @throws Problem 507
   */
  async count(
    tenant: string,
    id: string,
    outputPath: string,
    parts: readonly ManifestPart[],
    manifestBytes: number,
  ): Promise<void> {
    const files = parts.flatMap(({ output, errors }) => [output, errors]).filter((file) => file !== null);
    const objects = [
      ...files.map(({ name, size_bytes }) => ({ uri: `${outputPath}${name}`, bytes: size_bytes })),
      { uri: `${outputPath}${MANIFEST}`, bytes: manifestBytes },
    ];
    await this.storage.reserve(
      tenant,
      id,
      objects.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    await this.storage.keep(tenant, objects, id);
  }

  async release(tenant: string, id: string): Promise<void> {
    await this.storage.release(tenant, id);
  }
}
