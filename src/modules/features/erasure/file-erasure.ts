import { Inject, Injectable } from '@nestjs/common';
import { ObjectNotFound, type ObjectStore, parseObjectUri } from '#libs/object-store';
import { Compute, type RunOutcome } from '../../../platform/compute/compute.js';
import { Database } from '../../../platform/database/database.js';
import { AttemptFiles } from '../../../platform/jobs/attempt-files.js';
import type { JobAttempt } from '../../../platform/jobs/job-attempt.js';
import type { AttemptRef } from '../../../platform/jobs/job-kind.js';
import { OBJECT_STORE } from '../../../platform/storage/object-store.token.js';
import type { FeatureFile } from '../files/feature-file.entity.js';
import { FeatureFilesRepository } from '../files/feature-files.repository.js';
import { EngineRoom } from '../offline/engine-room.js';
import { ERASURE, ERASURE_CONTRACT, type ErasureSpec, type RewrittenFile } from './erasure-job.js';
import type { ErasedBody, ErasedFileBody } from './erasure.dto.js';

/** Erases one of an entity from the files that the platform wrote. */
@Injectable()
export class FileErasure {
  constructor(
    private readonly database: Database,
    private readonly compute: Compute,
    private readonly listed: FeatureFilesRepository,
    private readonly files: AttemptFiles,
    private readonly room: EngineRoom,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
  ) {}

  /**
   * Has an engine write files anew without the rows, and puts these in the place of the files.
   * @param erased told of each file that has been replaced
   */
  async erase(
    attempt: JobAttempt<ErasureSpec, ErasedBody>,
    erased: (file: ErasedFileBody) => void,
  ): Promise<RunOutcome<null>> {
    const { claim, job } = attempt;
    const { entity, key } = job.spec;
    const listed = await this.database.asTenant(claim.tenant, (scope) => this.listed.of(scope, entity));
    const files: FeatureFile[] = [];
    for (const file of listed) if (await this.isThere(file)) files.push(file);
    if (files.length === 0) return { type: 'succeeded', result: null };
    const outcome = await this.compute.run(attempt, ERASURE_CONTRACT, {
      ...this.room.of(claim, ERASURE),
      erasure: {
        keys: Object.entries(key).map(([name, value]) => ({ name, value })),
        files: files.map(({ uri, format }) => ({ uri, format })),
      },
    });
    if (outcome.type !== 'succeeded') return outcome;
    for (const [at, file] of files.entries()) {
      const replaced = await this.replace(claim, file, outcome.result.files[at] as RewrittenFile);
      if (replaced) erased(replaced);
    }
    return { type: 'succeeded', result: null };
  }

  /** A tenant may have deleted what lies in its own buckets. */
  private async isThere({ uri }: FeatureFile): Promise<boolean> {
    try {
      await this.store.head(parseObjectUri(uri));
      return true;
    } catch (error) {
      if (error instanceof ObjectNotFound) return false;
      throw error;
    }
  }

  private async replace(
    claim: AttemptRef,
    { id, uri, kind }: FeatureFile,
    { file, rows_erased, rows_left }: RewrittenFile,
  ): Promise<ErasedFileBody | undefined> {
    if (!file) return undefined;
    await this.files.copy(claim, file, parseObjectUri(uri), true);
    const { size_bytes: sizeBytes, sha256 } = file;
    await this.database.asTenant(claim.tenant, (scope) =>
      this.listed.replace(scope, id, { rows: rows_left, sizeBytes, sha256 }),
    );
    return { uri, kind, rows_erased, rows_left, sha256 };
  }
}
