import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { ObjectStore } from '#libs/object-store';
import { Database, type TenantScope } from '../database/database.js';
import { AppLogger } from '../observability/logger.js';
import type { TaskLease } from '../tasks/task-lease.js';
import { Tasks } from '../tasks/tasks.js';
import { ARTIFACTS_LOCK } from './artifacts.js';
import { folderNames } from './folder-names.js';
import { PLATFORM_BUCKET } from './grants.js';
import { keptNames, type ObjectOwner, ObjectOwners } from './object-owners.js';
import { OBJECT_STORE } from './object-store.token.js';

const EVERY_SECONDS = 3600;
const AGE_MS = 24 * 3600_000;

/** Deletes objects of the platform's bucket that are older than 24 hours and that no owner of their folder keeps. */
@Injectable()
export class ArtifactSweeper implements OnApplicationBootstrap {
  constructor(
    private readonly database: Database,
    private readonly owners: ObjectOwners,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly tasks: Tasks,
    private readonly logger: AppLogger,
  ) {}

  onApplicationBootstrap(): void {
    this.tasks.every('artifact-sweep', { seconds: EVERY_SECONDS }, (lease) => this.sweep(lease));
  }

  async sweep(lease?: TaskLease): Promise<void> {
    const olderThan = new Date(Date.now() - AGE_MS);
    for (const tenant of await folderNames(this.store, '')) {
      lease?.refuseLost();
      const deleted = await this.database.asTenant(tenant, (scope) => this.sweepTenant(scope, olderThan));
      if (deleted > 0) this.logger.info('artifacts swept', { tenant, deleted });
    }
  }

  /**
   * Nothing can be published while a tenant is swept; while something is being published or backed up, nothing is
   * deleted.
   * @returns how many objects were deleted
   */
  private async sweepTenant(scope: TenantScope, olderThan: Date): Promise<number> {
    const { tenant, manager } = scope;
    // To wait for the lock would keep those who publish waiting too; a backup may hold it for long.
    const [{ alone }] = await manager.query(`select pg_try_advisory_xact_lock(${ARTIFACTS_LOCK}) as alone`, [
      tenant,
    ]);
    if (!alone) return 0;
    let deleted = 0;
    for (const folder of await folderNames(this.store, `${tenant}/`)) {
      const owners = this.owners.of(folder);
      if (owners.length > 0) deleted += await this.sweepFolder(scope, folder, owners, olderThan);
      else this.logger.warn('a folder that no module owns was not swept', { tenant, folder });
    }
    return deleted;
  }

  private async sweepFolder(
    scope: TenantScope,
    folder: string,
    owners: readonly ObjectOwner[],
    olderThan: Date,
  ): Promise<number> {
    const bucket = PLATFORM_BUCKET;
    const prefix = `${scope.tenant}/${folder}/`;
    const nameOf = (key: string) => key.slice(prefix.length).split('/', 1)[0] as string;
    let deleted = 0;
    for (let after: string | undefined, truncated = true; truncated;) {
      const page = await this.store.list({ bucket, prefix, after });
      const old = page.objects.filter(({ lastModified }) => lastModified < olderThan).map(({ key }) => key);
      const kept = await keptNames(scope, owners, [...new Set(old.map(nameOf))]);
      for (const key of old) {
        if (kept.has(nameOf(key))) continue;
        await this.store.delete({ bucket, key });
        deleted++;
      }
      ({ truncated } = page);
      after = page.objects.at(-1)?.key;
    }
    return deleted;
  }
}
