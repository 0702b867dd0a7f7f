import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Readable } from 'node:stream';
import {
  formatObjectUri,
  InvalidObjectUri,
  type ObjectAddress,
  ObjectNotFound,
  type ObjectStore,
  ObjectTooLarge,
  parseObjectUri,
  type PutOptions,
  type StoredObject,
} from '#libs/object-store';
import { QuotasConfig } from '../../config/index.js';
import { Database } from '../database/database.js';
import { Problem } from '../errors/problem.js';
import { newId } from '../http/identifiers.js';
import { AppLogger } from '../observability/logger.js';
import { Metrics } from '../observability/metrics.js';
import { Timers } from '../timers/timers.js';
import { DiskSpace } from './disk-space.js';
import { OBJECT_STORE } from './object-store.token.js';
import { type CountedObject, type KeptObject, StoredItemsRepository } from './stored-items.repository.js';

/** Room for a body of unknown length is reserved in steps. */
const STEP_BYTES = 16 * 2 ** 20;
/** A reservation whose process has died ends after so long. */
const RESERVED_SECONDS = 600;
const PROLONG_MS = 60_000;
const LOOK_MS = 2000;

interface TenantPutOptions extends PutOptions {
  /** Bytes of the body where they are known beforehand. */
  readonly length?: number;
}

/** Bytes that a tenant keeps. */
export interface StorageUse {
  readonly objects: number;
  readonly artifacts: number;
  readonly log: number;
  /** Room that is held for what is being written. */
  readonly reserved: number;
}

/**
 * Writes of tenants, within their quotas: room is reserved before bytes are taken in, and what was written is counted
 * in its place. What nobody could count (a killed process, a presigned URL of S3) StorageRecount finds.
 */
@Injectable()
export class TenantStorage implements OnApplicationBootstrap {
  /** Reservations that this process writes under. */
  private readonly held = new Set<string>();
  private full: ReadonlySet<string> = new Set();
  private readonly refusals;

  constructor(
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly items: StoredItemsRepository,
    private readonly disk: DiskSpace,
    private readonly config: QuotasConfig,
    private readonly database: Database,
    private readonly timers: Timers,
    private readonly logger: AppLogger,
    metrics: Metrics,
  ) {
    this.refusals = metrics.counter(
      'modelplane_storage_refusals_total',
      'Writes of tenants that were refused: past their quota, or for want of disk.',
      { name: 'reason', values: ['quota', 'disk'] },
    );
    metrics.gauge(
      'modelplane_stored_bytes',
      'Bytes that all tenants keep, by kind.',
      ['kind'],
      async () => (await this.items.totals()).map(({ kind, bytes }) => ({ labels: { kind }, value: bytes })),
      'first',
    );
  }

  onApplicationBootstrap(): void {
    const prolong = () => this.items.prolong([...this.held], RESERVED_SECONDS);
    this.timers.every(PROLONG_MS, 'reservations of room could not be prolonged', async () => {
      if (this.held.size > 0) await prolong();
    });
    const look = async () => {
      this.full = new Set(await this.items.tenantsWith(this.config.bytes));
    };
    if (this.config.bytes > 0) this.timers.every(LOOK_MS, 'quotas could not be looked at', look, 0);
  }

  /** Whether the tenant's quota was used up a moment ago: for what cannot wait for the database. */
  isFull(tenant: string): boolean {
    return this.full.has(tenant);
  }

  /**
   * Stores an object of the tenant.
   * @throws Problem 507 before a byte is read where the length is known, else as soon as the room is used up; and
   *   whatever the store throws
   */
  async put(
    tenant: string,
    address: ObjectAddress,
    body: Readable | Uint8Array,
    options: TenantPutOptions = {},
  ): Promise<StoredObject> {
    const { length = body instanceof Uint8Array ? body.byteLength : undefined, maxBytes = Infinity } =
      options;
    if (length !== undefined && length > maxBytes)
      throw new ObjectTooLarge(`the object is larger than ${maxBytes} bytes`);
    const uri = formatObjectUri(address);
    const id = newId();
    await this.reserveMore(tenant, id, length ?? 0, length ?? 0, uri);
    this.held.add(id);
    try {
      const content =
        length === undefined ? Readable.from(this.within(tenant, id, uri, body as Readable)) : body;
      const stored = await this.store.put(address, content, options).catch(async (error: unknown) => {
        await this.release(tenant, id);
        throw error;
      });
      await this.count(tenant, uri, id);
      return stored;
    } finally {
      this.held.delete(id);
    }
  }

  /** Deleting works also where nothing can be written; what could not be counted is counted later. */
  async delete(address: ObjectAddress): Promise<void> {
    await this.store.delete(address);
    this.disk.askAgain();
    const uri = formatObjectUri(address);
    await this.items
      .find(uri)
      .then((known) => known && this.count(known.tenant, uri, null, known))
      .catch((error: unknown) => this.logger.failure('a deleted object could not be discounted', error));
  }

  /**
   * Counts an object as it lies in the store now. Of several that write one object at once, whoever counts last has
   * looked after all of them had written.
   * @param reservation that it was written under
   * @param known what is counted of it
   */
  async count(tenant: string, uri: string, reservation: string | null, known?: CountedObject): Promise<void> {
    for (let before = known ?? (await this.items.find(uri)); ; before = await this.items.find(uri)) {
      const bytes = await this.sizeOf(uri);
      if (bytes === null) {
        if (before) await this.items.forget(before);
        if (reservation !== null) await this.release(tenant, reservation);
        return;
      }
      const isCounted = before?.bytes === bytes && before.tenant === tenant && reservation === null;
      if (isCounted || (await this.items.count(tenant, { uri, bytes }, before, reservation))) return;
    }
  }

  /**
   * Holds room under a name of the caller's, in place of what it held under that name.
   * @throws Problem 507
   */
  async reserve(tenant: string, name: string, bytes: number): Promise<void> {
    await this.reserveMore(tenant, name, bytes, bytes, null);
  }

  /** Never throws: what could not be released ends by itself. */
  async release(tenant: string, name: string): Promise<void> {
    await this.items
      .release(tenant, { kind: 'reservation', name })
      .catch((error: unknown) => this.logger.failure('reserved room could not be released', error));
  }

  /** Counts objects that others have written for the tenant, in place of the reservation of this name. */
  async keep(tenant: string, objects: readonly KeptObject[], reservation: string): Promise<void> {
    await this.items.keep(tenant, objects, reservation);
  }

  /** Counts what comes by a presigned URL. @throws Problem 507 where the tenant has no room */
  async expect(tenant: string, address: ObjectAddress, seconds: number): Promise<void> {
    await this.refuseFull(tenant);
    await this.items.expect(tenant, newId(), formatObjectUri(address), seconds);
  }

  /** @throws Problem 507 where the tenant may not begin what writes */
  async refuseFull(tenant: string): Promise<void> {
    await this.refuseShortDisk(0);
    if (this.config.bytes === 0) return;
    const { objects, artifacts, log, reserved } = await this.use(tenant);
    const kept = objects + artifacts + log + reserved;
    if (kept >= this.config.bytes) throw this.pastQuota();
  }

  async use(tenant: string): Promise<StorageUse> {
    const rows = await this.database.asTenant(tenant, (scope) => this.items.bytesOf(scope));
    const of = (kind: string) => rows.find((row) => row.kind === kind)?.bytes ?? 0;
    return {
      objects: of('object'),
      artifacts: of('artifact'),
      log: of('log'),
      reserved: of('reservation'),
    };
  }

  /** Counts days of the log no longer that were dropped whole. */
  async forgetDroppedLogs(): Promise<void> {
    await this.items.forgetDroppedLogs();
  }

  /** Bytes that each tenant keeps. */
  kept(): Promise<{ tenant: string; bytes: number }[]> {
    return this.items.keptByTenant();
  }

  /** The bytes of a body of unknown length, ahead of which room is reserved; a refusal does not destroy it. */
  private async *within(tenant: string, id: string, uri: string, body: Readable): AsyncGenerator<Buffer> {
    let [size, reserved] = [0, 0];
    for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer | string>) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      size += bytes.byteLength;
      if (size > reserved) reserved = await this.reserveMore(tenant, id, size, size + STEP_BYTES, uri);
      yield bytes;
    }
  }

  /** Bytes of an object; null where it is not there. */
  private async sizeOf(uri: string): Promise<number | null> {
    try {
      return (await this.store.head(parseObjectUri(uri))).size;
    } catch (error) {
      // A symbolic link that somebody put in its place is no object.
      if (error instanceof ObjectNotFound || error instanceof InvalidObjectUri) return null;
      throw error;
    }
  }

  private async reserveMore(
    tenant: string,
    name: string,
    needed: number,
    wanted: number,
    target: string | null,
  ): Promise<number> {
    await this.refuseShortDisk(needed);
    // Without a quota the room is that of the column.
    const quota = this.config.bytes || Number.MAX_SAFE_INTEGER;
    const bytes = { needed, wanted, quota, target, seconds: RESERVED_SECONDS };
    const reserved = await this.items.reserve(tenant, name, bytes);
    if (reserved === null) throw this.pastQuota();
    return reserved;
  }

  private async refuseShortDisk(bytes: number): Promise<void> {
    await this.disk.refuseShort(bytes).catch((error: unknown) => {
      this.refusals.inc({ reason: 'disk' });
      throw error;
    });
  }

  private pastQuota(): Problem {
    this.refusals.inc({ reason: 'quota' });
    return new Problem('QUOTA_EXCEEDED', quotaSentence(this.config.bytes));
  }
}

export function quotaSentence(bytes: number): string {
  return `The tenant may keep ${bytes} bytes of objects, artifacts and logged predictions, and this would be more; delete some first.`;
}
