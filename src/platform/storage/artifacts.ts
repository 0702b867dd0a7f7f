import { type DynamicModule, Inject, Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
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
import {
  type ObjectOwner,
  ObjectOwnersModule,
  type OwnedFolder,
  REGISTERED_OWNERS,
} from './object-owners.js';
import { OBJECT_STORE } from './object-store.token.js';
import { TenantStorage } from './tenant-storage.js';

/** Bytes that take this thread about a millisecond. */
const HASHED_AT_ONCE = 2 ** 20;

/** The key of an advisory lock: publishing and backing up share it, sweeping has it alone. `$1` is the tenant. */
export const ARTIFACTS_LOCK = `hashtext('artifacts of ' || $1)`;

/** What models and other lasting things are made of. */
export const ARTIFACTS: OwnedFolder = { name: 'artifacts', isContentAddressed: true, isBackedUp: true };

/** Where what a caller sends lies until it is published or discarded. */
export const UPLOADS: OwnedFolder = { name: 'uploads', isContentAddressed: false, isBackedUp: false };

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
  constructor(
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly storage: TenantStorage,
  ) {}

  /**
   * A module that keeps objects in the platform's bucket imports this: the sweeper, the backup and the restore ask the
   * owners which objects are kept. What no owner keeps is deleted after a day.
   */
  static ownedBy(...owners: ObjectOwner[]): DynamicModule {
    return { module: ObjectOwnersModule, providers: [{ provide: REGISTERED_OWNERS, useValue: owners }] };
  }

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
    const to = artifactAddress(tenant, sha256);
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
   * Takes in what a caller sends, under a name of its own until it is published or discarded.
   * @throws ObjectTooLarge, Problem 507 past the tenant's quota
   */
  async receive(tenant: string, content: Readable, maxBytes: number): Promise<ReceivedObject> {
    const address = { bucket: PLATFORM_BUCKET, key: `${tenant}/${UPLOADS.name}/${newId()}` };
    return { ...(await this.storage.put(tenant, address, content, { maxBytes })), address };
  }

  /** What was received, to be read as often as needed. */
  received({ address, sha256, size }: ReceivedObject): StoredFile {
    return { sha256, sizeBytes: size, open: async () => (await this.store.get(address)).stream };
  }

  /** @throws ObjectNotFound, InvalidRange */
  openReceived({ address }: ReceivedObject, range?: ByteRange): Promise<ObjectContent> {
    return this.store.get(address, { range });
  }

  discard({ address }: ReceivedObject): Promise<void> {
    return this.storage.delete(address);
  }

  /** An artifact, to be read as often as needed. */
  file(tenant: string, sha256: string, sizeBytes: number): StoredFile {
    return { sha256, sizeBytes, open: async () => (await this.open(tenant, sha256)).stream };
  }

  /** @throws ObjectNotFound, InvalidRange */
  open(tenant: string, sha256: string, range?: ByteRange): Promise<ObjectContent> {
    return this.store.get(artifactAddress(tenant, sha256), { range });
  }

  /** The whole content, whose digest was checked a piece at a time. @throws Error where it cannot be read or is damaged */
  async readChecked(tenant: string, sha256: string, maxBytes: number): Promise<Buffer> {
    const bytes = await this.read(tenant, sha256, maxBytes);
    const hash = createHash('sha256');
    for (let at = 0; at < bytes.length; at += HASHED_AT_ONCE) {
      if (at > 0) await nextTurn();
      hash.update(bytes.subarray(at, at + HASHED_AT_ONCE));
    }
    if (hash.digest('hex') === sha256) return bytes;
    throw new Error(`the artifact ${sha256} of ${tenant} is damaged`);
  }

  /** The whole content, as it is stored: whoever uses it checks its digest. */
  async read(tenant: string, sha256: string, maxBytes: number): Promise<Buffer> {
    const { size, stream } = await this.store.get(artifactAddress(tenant, sha256)).catch((cause: unknown) => {
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

export function artifactAddress(tenant: string, sha256: string): ObjectAddress {
  return { bucket: PLATFORM_BUCKET, key: `${tenant}/${ARTIFACTS.name}/${sha256}` };
}
