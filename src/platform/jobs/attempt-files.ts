import { Inject, Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { ObjectExists, type ObjectAddress, type ObjectStore } from '#libs/object-store';
import { PLATFORM_BUCKET } from '../storage/grants.js';
import { OBJECT_STORE } from '../storage/object-store.token.js';
import { TenantStorage } from '../storage/tenant-storage.js';
import { folderOfAttempt, folderOfJob } from './job-folders.js';
import type { AttemptRef, JobRef } from './job-kind.js';

/** A file that an engine wrote in the folder of its attempt. */
export interface WrittenFile {
  readonly name: string;
  readonly size_bytes: number;
  readonly sha256: string;
}

/** Brings what attempts have written to where their tenant reads it, and clears away what is left. */
@Injectable()
export class AttemptFiles {
  constructor(
    private readonly storage: TenantStorage,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
  ) {}

  /**
   * Copies a file of the attempt.
   * @param overwrite whether what lies there may be another's; an object of the same content is always taken for ours,
   *   because an earlier attempt may have written it and died
   * @throws ObjectExists, Problem 507 where the tenant has no room, ObjectStoreError
   */
  async copy(claim: AttemptRef, file: WrittenFile, to: ObjectAddress, overwrite: boolean): Promise<void> {
    const { size_bytes: length, sha256 } = file;
    const { stream } = await this.store.get({
      bucket: PLATFORM_BUCKET,
      key: `${folderOfAttempt(claim)}/${file.name}`,
    });
    try {
      await this.storage.put(claim.tenant, to, stream, { length, sha256, ifAbsent: !overwrite });
    } catch (error) {
      if (!(error instanceof ObjectExists) || (await this.digestOf(to)) !== sha256) throw error;
    } finally {
      stream.destroy();
    }
  }

  delete(address: ObjectAddress): Promise<void> {
    return this.storage.delete(address);
  }

  /** Deletes what this attempt and those before it have left; a later one may be at work. */
  async clear(claim: AttemptRef): Promise<void> {
    for (let attempt = 1; attempt <= claim.attempt; attempt++)
      await this.clearFolder(folderOfAttempt({ ...claim, attempt }));
  }

  /** Deletes all that a job has left, also what is kept between its attempts. */
  clearJob(job: JobRef): Promise<void> {
    return this.clearFolder(folderOfJob(job));
  }

  /** Deletes what was copied to a folder. @param folder with a slash at its end */
  async deleteFolder(bucket: string, folder: string): Promise<void> {
    for await (const { key } of this.store.listAll({ bucket, prefix: folder }))
      await this.storage.delete({ bucket, key });
  }

  private async clearFolder(folder: string): Promise<void> {
    for await (const { key } of this.store.listAll({ bucket: PLATFORM_BUCKET, prefix: `${folder}/` }))
      await this.store.delete({ bucket: PLATFORM_BUCKET, key });
  }

  private async digestOf(address: ObjectAddress): Promise<string> {
    const hash = createHash('sha256');
    const { stream } = await this.store.get(address);
    for await (const chunk of stream as AsyncIterable<Buffer>) hash.update(chunk);
    return hash.digest('hex');
  }
}
