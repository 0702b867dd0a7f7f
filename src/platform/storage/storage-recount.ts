import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { formatObjectUri, type ListedObject, type ObjectStore } from '#libs/object-store';
import { TENANT_PATTERN } from '../auth/identity.js';
import type { TaskLease } from '../tasks/task-lease.js';
import { Tasks } from '../tasks/tasks.js';
import { TENANTS_BUCKET } from './grants.js';
import { OBJECT_STORE } from './object-store.token.js';
import { StoredItemsRepository } from './stored-items.repository.js';
import { TenantStorage } from './tenant-storage.js';

const EVERY_SECONDS = 3600;
const EXPECTED_EVERY_SECONDS = 30;
const PAGE = 500;
const AT_ONCE = 8;

/**
 * Counts what tenants keep anew from the object store, which is the truth: each object that is counted, each that lies in
 * a tenant's own folder, and those that came by a presigned URL or whose writer died. What changes meanwhile is left to
 * whoever changes it.
 */
@Injectable()
export class StorageRecount implements OnApplicationBootstrap {
  constructor(
    private readonly items: StoredItemsRepository,
    private readonly storage: TenantStorage,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly tasks: Tasks,
  ) {}

  onApplicationBootstrap(): void {
    this.tasks.every('storage-recount', { seconds: EVERY_SECONDS }, (lease) => this.recount(lease));
    this.tasks.every('storage-arrivals', { seconds: EXPECTED_EVERY_SECONDS }, (lease) =>
      this.arrivals(lease),
    );
  }

  async recount(lease?: TaskLease): Promise<void> {
    await this.correctKnown(lease);
    await this.findUnknown(lease);
  }

  /** Looks whether the objects of presigned URLs, and of writers that died, are there. */
  async arrivals(lease?: TaskLease): Promise<void> {
    for (const { tenant, kind, name, target, isOver } of await this.items.expected()) {
      lease?.refuseLost();
      if (target !== null) await this.storage.count(tenant, target, null);
      if (isOver) await this.items.release(tenant, { kind, name });
    }
  }

  private async correctKnown(lease: TaskLease | undefined): Promise<void> {
    for (let after = ''; ;) {
      const page = await this.items.objects(after, PAGE);
      for (let at = 0; at < page.length; at += AT_ONCE) {
        lease?.refuseLost();
        await Promise.all(
          page
            .slice(at, at + AT_ONCE)
            .map((known) => this.storage.count(known.tenant, known.uri, null, known)),
        );
      }
      const last = page.at(-1);
      if (!last) return;
      after = last.uri;
    }
  }

  private async findUnknown(lease: TaskLease | undefined): Promise<void> {
    let tenant = '';
    let found: ListedObject[] = [];
    const count = async () => {
      lease?.refuseLost();
      const objects = found.map(({ key, size }) => ({
        uri: formatObjectUri({ bucket: TENANTS_BUCKET, key }),
        bytes: size,
      }));
      found = [];
      if (objects.length > 0 && TENANT_PATTERN.test(tenant)) await this.items.keepUnknown(tenant, objects);
    };
    for await (const object of this.store.listAll({ bucket: TENANTS_BUCKET, prefix: '' })) {
      const owner = object.key.split('/', 1)[0] as string;
      if (owner !== tenant || found.length === PAGE) await count();
      tenant = owner;
      found.push(object);
    }
    await count();
  }
}
