import { Inject, Injectable } from '@nestjs/common';
import type { Readable } from 'node:stream';
import {
  type ByteRange,
  type ObjectAddress,
  type ObjectContent,
  ObjectExists,
  ObjectNotFound,
  type ObjectStore,
  type StoredObject,
} from '#libs/object-store';
import type { TenantScope } from '../database/database.js';
import { newId } from '../http/identifiers.js';
import { PLATFORM_BUCKET } from './grants.js';
import { OBJECT_STORE } from './object-store.token.js';

/** The key of an advisory lock: publishing and backing up share it, sweeping has it alone. `$1` is the tenant. */
export const ARTIFACTS_LOCK = `hashtext('artifacts of ' || $1)`;

/** Where an upload lies while it is checked. */
const UPLOADS = 'uploads';

export interface ReceivedObject extends StoredObject {
  readonly address: ObjectAddress;
}

/** A file that is read where it is needed, and checked there against its digest. */
export interface StoredFile {
  readonly sha256: string;
  readonly sizeBytes: number;
  open(): Promise<Readable>;
}

/** What models are made of: `s3://modelplane/<tenant>/artifacts/<SHA-256>`, written once, never changed. */
@Injectable()
export class Artifacts {
  constructor(@Inject(OBJECT_STORE) private readonly store: ObjectStore) {}

  /**
   * Copies an object to its content address, where it stays for as long as a row names it; doing it again changes
   * nothing. The transaction must be the one that writes that row.
   * @throws DigestMismatch where its content is not `sha256`
   */
  async publish({ tenant, manager }: TenantScope, from: ObjectAddress, sha256: string): Promise<void> {
    await manager.query(`select pg_advisory_xact_lock_shared(${ARTIFACTS_LOCK})`, [tenant]);
    await this.copy(tenant, from, sha256);
  }

  /** The long part of `publish`, ahead of the transaction. The sweeper may undo it before that. */
  async copy(tenant: string, from: ObjectAddress, sha256: string): Promise<void> {
    const to = addressOf(tenant, sha256);
    try {
      await this.store.head(to);
    } catch (error) {
      if (!(error instanceof ObjectNotFound)) throw error;
      await this.store.copy(from, to, { ifAbsent: true, sha256 }).catch((failure: unknown) => {
        if (!(failure instanceof ObjectExists)) throw failure;
      });
    }
  }

  /**
   * Deletes artifacts older than `olderThan` that no row names, and what attempts and uploads of that age have left.
   * Nothing can be published meanwhile; while something is being published or backed up, nothing is deleted.
   * @param isNamed of some digests, those that a row of the tenant names
   * @returns how many were deleted
   */
  async sweep(
    { tenant, manager }: TenantScope,
    olderThan: Date,
    isNamed: (digests: string[]) => Promise<ReadonlySet<string>>,
  ): Promise<number> {
    // Whoever waited for it would keep those who publish waiting too; a backup may hold it for long.
    const [{ alone }] = await manager.query(`select pg_try_advisory_xact_lock(${ARTIFACTS_LOCK}) as alone`, [
      tenant,
    ]);
    if (!alone) return 0;
    let deleted = await this.deleteOld(addressOf(tenant, ''), olderThan, isNamed);
    // What attempts wrote and what callers sent is published, if ever, within moments.
    for (const folder of ['jobs', UPLOADS]) {
      const prefix = { bucket: PLATFORM_BUCKET, key: `${tenant}/${folder}/` };
      deleted += await this.deleteOld(prefix, olderThan, async () => new Set());
    }
    return deleted;
  }

  private async deleteOld(
    { bucket, key: prefix }: ObjectAddress,
    olderThan: Date,
    isNamed: (names: string[]) => Promise<ReadonlySet<string>>,
  ): Promise<number> {
    let deleted = 0;
    for (let after: string | undefined, truncated = true; truncated;) {
      const page = await this.store.list({ bucket, prefix, after });
      const old = page.objects.filter(({ lastModified }) => lastModified < olderThan);
      const named = await isNamed(old.map(({ key }) => key.slice(prefix.length)));
      for (const { key } of old.filter(({ key }) => !named.has(key.slice(prefix.length)))) {
        await this.store.delete({ bucket, key });
        deleted++;
      }
      ({ truncated } = page);
      after = page.objects.at(-1)?.key;
    }
    return deleted;
  }

  /** Every tenant that the platform keeps anything for. */
  async tenants(): Promise<string[]> {
    const tenants: string[] = [];
    for (;;) {
      // After all that the platform writes for the tenant, whether the server lists by bytes or by folders.
      const after = tenants.length > 0 ? `${tenants.at(-1)}/~` : undefined;
      const { objects } = await this.store.list({ bucket: PLATFORM_BUCKET, prefix: '', after, limit: 1 });
      const tenant = objects[0]?.key.split('/')[0];
      if (tenant === undefined) return tenants;
      tenants.push(tenant);
    }
  }

  /**
   * Takes in what a caller sends, under a name of its own until it is published or discarded.
   * @throws ObjectTooLarge
   */
  async receive(tenant: string, content: Readable, maxBytes: number): Promise<ReceivedObject> {
    const address = { bucket: PLATFORM_BUCKET, key: `${tenant}/${UPLOADS}/${newId()}` };
    return { ...(await this.store.put(address, content, { maxBytes })), address };
  }

  /** What was received, to be read as often as needed. */
  received({ address, sha256, size }: ReceivedObject): StoredFile {
    return { sha256, sizeBytes: size, open: async () => (await this.store.get(address)).stream };
  }

  discard({ address }: ReceivedObject): Promise<void> {
    return this.store.delete(address);
  }

  /** An artifact, to be read as often as needed. */
  file(tenant: string, sha256: string, sizeBytes: number): StoredFile {
    return { sha256, sizeBytes, open: async () => (await this.open(tenant, sha256)).stream };
  }

  /** @throws ObjectNotFound, InvalidRange */
  open(tenant: string, sha256: string, range?: ByteRange): Promise<ObjectContent> {
    return this.store.get(addressOf(tenant, sha256), { range });
  }

  /** The whole content, as it is stored: whoever uses it checks its digest. */
  async read(tenant: string, sha256: string, maxBytes: number): Promise<Buffer> {
    const { size, stream } = await this.store.get(addressOf(tenant, sha256)).catch((cause: unknown) => {
      if (!(cause instanceof ObjectNotFound)) throw cause;
      // A row names it, so this is our loss and not the caller's mistake.
      throw new Error(`the artifact ${sha256} of ${tenant} cannot be read`, { cause });
    });
    if (size > maxBytes) {
      stream.destroy();
      throw new Error(`the artifact ${sha256} has ${size} bytes, more than the ${maxBytes} allowed`);
    }
    // In one piece from the beginning: to put large ones together afterwards would block for long.
    const whole = Buffer.allocUnsafeSlow(size);
    let length = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) length += chunk.copy(whole, length);
    if (length !== size) throw new Error(`the artifact ${sha256} ended after ${length} of ${size} bytes`);
    return whole;
  }
}

function addressOf(tenant: string, sha256: string): ObjectAddress {
  return { bucket: PLATFORM_BUCKET, key: `${tenant}/artifacts/${sha256}` };
}
