import {
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { DatabaseConfig } from '../../config/index.js';
import { Database, type TenantScope } from '../database/database.js';
import { NotificationListener } from '../database/notification-listener.js';
import { AppLogger } from '../observability/logger.js';
import { withinTime } from '../observability/within-time.js';
import { Tasks } from '../tasks/tasks.js';
import { Timers } from '../timers/timers.js';

/** Something that servers keep in memory is no longer as it was, or no longer there. */
export interface Changed {
  readonly tenant: string;
  readonly key: string;
  readonly revision: string;
}

/**
 * Brings what this process keeps in memory up to date. One that fails gets the same changes again a second later.
 * @param changes undefined where they are not known, so that anything may have changed
 */
export type ChangeHandler = (changes: readonly Changed[] | undefined) => void | Promise<void>;

const CHANNEL = 'catalog_revision';
const POLL_MS = 1000;
const PRUNE_SECONDS = 3600;
/** A process that could not reach the database for longer than this forgets what it has in memory instead. */
const KEPT_HOURS = 24;

/**
 * Tells every process what has changed of that which servers keep in memory. Each change takes the next number of the
 * one row of `catalog_revision` and notes it in `changes`. That row stays locked until the change commits, so that
 * changes commit in the order of their numbers: who has seen a number has seen all below it. Each process asks once a
 * second, and after each NOTIFY, for the changes since the number that it has seen; a NOTIFY that is lost costs no
 * more than that second.
 */
@Injectable()
export class Changes implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  private readonly handlers: { readonly kind: string; readonly handle: ChangeHandler }[] = [];
  private readonly listener: NotificationListener;
  /** All changes up to this one have been handled. */
  private seen = '0';
  /** The look that is under way; it never rejects. */
  private looking: Promise<unknown> = Promise.resolve();
  /** The look that begins when the one under way has ended. */
  private next?: Promise<void>;

  constructor(
    private readonly database: Database,
    private readonly timers: Timers,
    private readonly tasks: Tasks,
    config: DatabaseConfig,
    logger: AppLogger,
  ) {
    this.listener = new NotificationListener(config.systemUrl, CHANNEL, logger);
  }

  /** Before anything is kept in memory, which modules begin with when the application starts. */
  async onModuleInit(): Promise<void> {
    const [row] = await this.database.system.query('select revision from catalog_revision');
    this.seen = (row as { revision: string }).revision;
  }

  onApplicationBootstrap(): void {
    this.listener.listen(() => void this.look().catch(() => undefined));
    this.timers.every(POLL_MS, 'changes could not be taken in', () => this.look());
    this.tasks.every('change-prune', { seconds: PRUNE_SECONDS }, () => this.prune());
  }

  onModuleDestroy(): Promise<void> {
    return this.listener.close();
  }

  /** Calls `handle` with what has changed of `kind`, from now on. */
  on(kind: string, handle: ChangeHandler): void {
    this.handlers.push({ kind, handle });
  }

  /**
   * Notes in the transaction of a change that `key` has changed; once it commits, the handlers of `kind` hear of it in
   * every process, and in this one before whoever makes the change is answered. Raised as late as possible: other changes,
   * of all tenants, wait from here to the commit.
   * @returns the revision of the change
   */
  async raise({ manager, tenant, afterCommit }: TenantScope, kind: string, key: string): Promise<string> {
    const [row] = await manager.query(
      `with raised as (update catalog_revision set revision = revision + 1 returning revision),
            noted as (insert into changes (tenant_id, kind, key, revision, changed_at)
                      select $1, $2, $3, revision, clock_timestamp() from raised
                      on conflict (tenant_id, kind, key)
                        do update set revision = excluded.revision, changed_at = excluded.changed_at
                      returning revision)
       select revision, pg_notify($4, '') from noted`,
      [tenant, kind, key, CHANNEL],
    );
    // What this look does not get done, the next poll does.
    afterCommit(() => withinTime(this.look(), POLL_MS).catch(() => undefined));
    return (row as { revision: string }).revision;
  }

  /** Hands on what has changed since the last look, one look at a time. */
  look(): Promise<void> {
    this.next ??= this.looking.then(() => {
      this.next = undefined;
      const look = this.handOn();
      this.looking = look.catch(() => undefined);
      return look;
    });
    return this.next;
  }

  private async handOn(): Promise<void> {
    // One statement, which sees one state of both tables; without any change it answers one row with nulls. A revision
    // that is lower than the one seen is that of a backup which was restored meanwhile.
    const rows: ChangeRow[] = await this.database.system.query(
      `select r.revision as latest, r.pruned_to > $1 or r.revision < $1 as forgotten,
              c.tenant_id as tenant, c.kind, c.key, c.revision
       from catalog_revision r left join changes c on c.revision > $1 order by c.revision`,
      [this.seen],
    );
    const { latest, forgotten } = rows[0] as ChangeRow;
    if (latest === this.seen) return;
    await Promise.all(
      this.handlers.map(async ({ kind, handle }) => {
        const changes = forgotten ? undefined : rows.filter((row) => row.kind === kind);
        if (changes?.length !== 0) await handle(changes);
      }),
    );
    this.seen = latest;
  }

  /** Deletes notes of changes that every process has seen for long. */
  async prune(): Promise<void> {
    await this.database.system.transaction(async (manager) => {
      // In the order in which `raise` takes these locks.
      await manager.query('select from catalog_revision for update');
      await manager.query(
        `with old as (delete from changes where changed_at < now() - make_interval(hours => $1) returning revision)
         update catalog_revision set pruned_to = greatest(pruned_to, (select max(revision) from old))
         where exists (select from old)`,
        [KEPT_HOURS],
      );
    });
  }
}

interface ChangeRow {
  readonly latest: string;
  /** Whether changes that this process has not seen are no longer noted. */
  readonly forgotten: boolean;
  readonly tenant: string;
  readonly kind: string | null;
  readonly key: string;
  readonly revision: string;
}
