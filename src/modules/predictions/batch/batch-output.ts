import { Inject, Injectable } from '@nestjs/common';
import { ObjectExists, ObjectNotFound, type ObjectStore, parseFolderUri } from '#libs/object-store';
import { Problem } from '../../../platform/errors/problem.js';
import { OBJECT_STORE } from '../../../platform/storage/object-store.token.js';
import { TenantStorage } from '../../../platform/storage/tenant-storage.js';

export const MANIFEST = '_SUCCESS';
/** A manifest of ten thousand parts is 4 MB. */
const MAX_MANIFEST_BYTES = 2 ** 26;

export interface WrittenFile {
  /** Relative to the output's folder. */
  name: string;
  size_bytes: number;
  sha256: string;
}

export interface ManifestPart {
  output: WrittenFile | null;
  errors: WrittenFile | null;
}

export interface Manifest {
  job_id: string;
  parts: ManifestPart[];
}

/** The folder that a batch writes to: readers trust its manifest alone. */
@Injectable()
export class BatchOutput {
  constructor(
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly storage: TenantStorage,
  ) {}

  /** @throws Problem 409 where a manifest is there */
  async refuseExisting(path: string): Promise<void> {
    try {
      await this.store.head(manifestOf(path));
    } catch (error) {
      if (error instanceof ObjectNotFound) return;
      throw error;
    }
    throw taken(path);
  }

  /**
   * Puts the manifest in one step; before it none of the job's parts count, after it all do.
   * @param content the manifest's bytes, as `contentOf` makes them
   * @returns names of files that an earlier manifest named and this one does not
   * @throws Problem 409 where another job's is there and may not be replaced
   */
  async publish(path: string, manifest: Manifest, content: Buffer, overwrite: boolean): Promise<string[]> {
    const address = manifestOf(path);
    try {
      await this.store.put(address, content, { ifAbsent: true });
      return [];
    } catch (error) {
      if (!(error instanceof ObjectExists)) throw error;
    }
    // An attempt that died after this put, or a job that may be replaced.
    const earlier = await this.read(path);
    if (earlier?.job_id !== manifest.job_id && !overwrite) throw taken(path);
    await this.store.put(address, content);
    const kept = new Set(namesIn(manifest));
    return namesIn(earlier).filter((name) => !kept.has(name));
  }

  /** Deletes files of the folder by name. */
  async remove(path: string, names: readonly string[]): Promise<void> {
    const { bucket, prefix } = parseFolderUri(path);
    for (const name of names) await this.storage.delete({ bucket, key: `${prefix}${name}` });
  }

  /** Bytes of the parts that a job has written so far. */
  async bytesOf(path: string, jobName: string): Promise<number> {
    const { bucket, prefix } = parseFolderUri(path);
    let bytes = 0;
    for (const folder of ['', 'errors/'])
      for await (const { key, size } of this.store.listAll({ bucket, prefix: `${prefix}${folder}part-` }))
        if (key.includes(`-${jobName}.`)) bytes += size;
    return bytes;
  }

  /** Deletes the parts of a job that has no manifest; its errors stay, for whoever asks why it failed. */
  async removeParts(path: string, jobName: string): Promise<void> {
    const { bucket, prefix } = parseFolderUri(path);
    await this.removeWhere(bucket, `${prefix}part-`, (key) => key.includes(`-${jobName}.`));
  }

  /** Deletes everything under a folder. */
  async removeFolder(bucket: string, prefix: string): Promise<void> {
    await this.removeWhere(bucket, prefix, () => true);
  }

  private async removeWhere(
    bucket: string,
    prefix: string,
    matches: (key: string) => boolean,
  ): Promise<void> {
    for await (const { key } of this.store.listAll({ bucket, prefix }))
      if (matches(key)) await this.storage.delete({ bucket, key });
  }

  /** null for what is no manifest of ours. */
  private async read(path: string): Promise<Manifest | null> {
    const { size, stream } = await this.store.get(manifestOf(path));
    if (size > MAX_MANIFEST_BYTES) {
      stream.destroy();
      return null;
    }
    const content = Buffer.concat((await stream.toArray()) as Buffer[]);
    try {
      const found = JSON.parse(content.toString()) as Manifest | null;
      return typeof found?.job_id === 'string' && Array.isArray(found.parts) ? found : null;
    } catch {
      return null;
    }
  }
}

/** The bytes of a manifest. */
export function contentOf(manifest: Manifest): Buffer {
  return Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
}

function manifestOf(path: string) {
  const { bucket, prefix } = parseFolderUri(path);
  return { bucket, key: `${prefix}${MANIFEST}` };
}

/** Only names that a batch gives: a manifest lies where callers may write. */
function namesIn(manifest: Manifest | null): string[] {
  return (manifest?.parts ?? [])
    .flatMap((part) => [part?.output?.name, part?.errors?.name])
    .filter((name): name is string => typeof name === 'string' && /^(errors\/)?part-[\w.-]+$/.test(name));
}

function taken(path: string): Problem {
  return new Problem(
    'OUTPUT_EXISTS',
    `${path} holds the output of another job; choose another folder, or set overwrite to replace it.`,
    { errors: [{ pointer: '/output_path', message: 'holds the output of another job' }] },
  );
}
