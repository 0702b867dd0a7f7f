import { statfs } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import { QuotasConfig, RuntimeConfig, StorageConfig } from '../../config/index.js';
import { Problem } from '../errors/problem.js';
import { Metrics } from '../observability/metrics.js';

/** For so long an answer of the file system holds. */
const HOLDS_MS = 500;
/** With less than this the disk is full, whatever the settings ask for: what is freed for a moment is no room. */
const FULL_BYTES = 2 ** 20;

/** How much room the disk has on which this process keeps its state, and objects where they lie in a folder. */
@Injectable()
export class DiskSpace {
  private free = Infinity;
  private askedAt = -Infinity;
  /** Bytes that were let in since the file system was asked. */
  private letIn = 0;

  constructor(
    private readonly runtime: RuntimeConfig,
    private readonly storage: StorageConfig,
    private readonly config: QuotasConfig,
    metrics: Metrics,
  ) {
    metrics.gauge(
      'modelplane_disk_free_bytes',
      'Bytes that are left on the disk of the state folder.',
      [],
      async () => [{ labels: {}, value: await this.freeBytes() }],
      'first',
    );
  }

  /** Bytes that an unprivileged user may still write. */
  async freeBytes(): Promise<number> {
    const now = performance.now();
    if (now - this.askedAt < HOLDS_MS) return this.free;
    const { bavail, bsize } = await statfs(this.folder);
    this.askedAt = now;
    this.letIn = 0;
    return (this.free = bavail * bsize);
  }

  /** Has the file system be asked again, as something was deleted. */
  askAgain(): void {
    this.askedAt = -Infinity;
  }

  /** Whether no more is left than the settings ask for. */
  async isShort(): Promise<boolean> {
    return (await this.freeBytes()) <= Math.max(this.config.minFreeDiskBytes, FULL_BYTES);
  }

  /**
   * Refuses what a tenant wants to write to a folder of objects that could not hold it.
   * @throws Problem 507
   */
  async refuseShort(bytes = 0): Promise<void> {
    if (this.storage.kind !== 'folder') return;
    if ((await this.freeBytes()) - this.letIn - bytes >= this.config.minFreeDiskBytes) {
      this.letIn += bytes;
      return;
    }
    throw new Problem(
      'STORAGE_FULL',
      'The disk of the object store has too little room left; delete objects, or tell whoever runs the service.',
    );
  }

  private get folder(): string {
    return this.storage.kind === 'folder' ? this.runtime.objectsDir : this.runtime.stateDir;
  }
}
