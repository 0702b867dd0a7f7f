import { Injectable } from '@nestjs/common';
import { Database, type TenantScope } from '../database/database.js';
import type { StoredKind } from './stored-item.entity.js';

export interface KeptObject {
  readonly uri: string;
  readonly bytes: number;
}

/** What is counted of an object. */
export interface CountedObject extends KeptObject {
  readonly tenant: string;
  /** Another one once anybody has counted the object again. */
  readonly revision: string;
}

/** A reservation, or a presigned URL, whose object may have been written. */
export interface Expected {
  readonly tenant: string;
  readonly kind: 'reservation' | 'presigned';
  readonly name: string;
  readonly target: string | null;
}

/** A row's xmin is the transaction that wrote it last. */
const COUNTED = 'tenant_id as tenant, name as uri, bytes::float8, xmin::text as revision';

/** SQL of what tenants keep, as the role that has no tenant: a quota is counted the same whoever writes. */
@Injectable()
export class StoredItemsRepository {
  constructor(private readonly database: Database) {}

  /**
   * Sets a reservation to as many bytes as are wanted, or as the quota has room for, but no fewer than are needed.
   * @param quota bytes that all items of the tenant may have together
   * @returns the bytes reserved, and null where there is no room for those needed: the reservation is then as before
   */
  async reserve(
    tenant: string,
    name: string,
    { needed, wanted, quota, seconds, target }: ReservationBytes,
  ): Promise<number | null> {
    return this.database.asSystem((system) =>
      system.transaction(async (manager) => {
        // Two that reserve see each other's bytes; what is written without a reservation is counted as it comes.
        await manager.query(`select pg_advisory_xact_lock(hashtextextended('stored by ' || $1, 0))`, [
          tenant,
        ]);
        const [row] = await manager.query(
          `insert into stored_items as item (tenant_id, kind, name, bytes, target, until)
           select $1, 'reservation', $2, least($4::bigint, room), $6, now() + make_interval(secs => $7)
           from (select $5::bigint - coalesce(sum(bytes), 0) + coalesce((
                   select bytes from stored_items where tenant_id = $1 and kind = 'reservation' and name = $2), 0) as room
                 from stored_bytes where tenant_id = $1) quota
           where room >= $3::bigint
           on conflict (tenant_id, kind, name) do update
           set bytes = excluded.bytes, until = excluded.until
           returning bytes::float8`,
          [tenant, name, needed, wanted, quota, target, seconds],
        );
        return (row as { bytes: number } | undefined)?.bytes ?? null;
      }),
    );
  }

  async prolong(names: readonly string[], seconds: number): Promise<void> {
    await this.query(
      `update stored_items set until = now() + make_interval(secs => $2)
       where kind = 'reservation' and name = any($1::text[])`,
      [names, seconds],
    );
  }

  /** Notes a URL by which somebody may write the object until it ends. */
  async expect(tenant: string, id: string, uri: string, seconds: number): Promise<void> {
    await this.query(
      `insert into stored_items (tenant_id, kind, name, bytes, target, until)
       values ($1, 'presigned', $2, 0, $3, now() + make_interval(secs => $4))`,
      [tenant, id, uri, seconds],
    );
  }

  /** What is counted of an object; undefined where nothing is. */
  async find(uri: string): Promise<CountedObject | undefined> {
    const [found] = await this.query<CountedObject>(
      `select ${COUNTED} from stored_items where kind = 'object' and name = $1`,
      [uri],
    );
    return found;
  }

  /**
   * Counts an object as it was found, and ends the reservation that it was written under.
   * @param known what was counted of it before somebody looked
   * @returns false where somebody else has counted it since: it must be looked at again
   */
  async count(
    tenant: string,
    { uri, bytes }: KeptObject,
    known: CountedObject | undefined,
    reservation: string | null,
  ): Promise<boolean> {
    const rows = await this.query(
      `with kept as (
         insert into stored_items as item (tenant_id, kind, name, bytes) values ($1, 'object', $2, $3)
         on conflict (name) where kind = 'object' do update
         set tenant_id = excluded.tenant_id, bytes = excluded.bytes where item.xmin::text = $4
         returning name
       ), released as (
         delete from stored_items
         where tenant_id = $1 and kind = 'reservation' and name = $5 and exists (select from kept)
       )
       select name from kept`,
      [tenant, uri, bytes, known?.revision ?? null, reservation],
    );
    return rows.length > 0;
  }

  /** Counts an object no longer, unless somebody has counted it since. */
  async forget({ uri, revision }: CountedObject): Promise<void> {
    await this.query(`delete from stored_items where kind = 'object' and name = $1 and xmin::text = $2`, [
      uri,
      revision,
    ]);
  }

  /** Counts objects that nobody else writes, and ends the reservation that they were written under. */
  async keep(tenant: string, objects: readonly KeptObject[], reservation: string): Promise<void> {
    await this.query(
      `with released as (delete from stored_items where tenant_id = $1 and kind = 'reservation' and name = $3)
       insert into stored_items as item (tenant_id, kind, name, bytes)
       select $1, 'object', uri, max(bytes) from json_to_recordset($2) as object (uri text, bytes bigint)
       group by uri order by uri
       on conflict (name) where kind = 'object' do update
       set tenant_id = excluded.tenant_id, bytes = excluded.bytes`,
      [tenant, JSON.stringify(objects), reservation],
    );
  }

  /** Counts objects that were found, unless something is counted of them already. */
  async keepUnknown(tenant: string, objects: readonly KeptObject[]): Promise<void> {
    await this.query(
      `insert into stored_items (tenant_id, kind, name, bytes)
       select $1, 'object', uri, bytes from json_to_recordset($2) as object (uri text, bytes bigint) order by uri
       on conflict (name) where kind = 'object' do nothing`,
      [tenant, JSON.stringify(objects)],
    );
  }

  async release(tenant: string, { kind, name }: Pick<Expected, 'kind' | 'name'>): Promise<void> {
    await this.query('delete from stored_items where tenant_id = $1 and kind = $2 and name = $3', [
      tenant,
      kind,
      name,
    ]);
  }

  /** Objects in the order of their URIs, from behind `after` on. */
  async objects(after: string, limit: number): Promise<CountedObject[]> {
    return this.query<CountedObject>(
      `select ${COUNTED} from stored_items where kind = 'object' and name > $1 order by name limit $2`,
      [after, limit],
    );
  }

  /** Presigned URLs, and reservations that nobody has prolonged. */
  async expected(): Promise<(Expected & { isOver: boolean })[]> {
    return this.query(
      `select tenant_id as tenant, kind, name, target, until < now() as "isOver" from stored_items
       where kind = 'presigned' or (kind = 'reservation' and until < now()) order by until limit 10000`,
    );
  }

  /** Forgets days of the log whose partition was dropped. */
  async forgetDroppedLogs(): Promise<void> {
    await this.query(
      `delete from stored_items where kind = 'log' and to_regclass('public.prediction_log_' || name) is null`,
    );
  }

  /** Tenants that keep at least so many bytes. */
  async tenantsWith(bytes: number): Promise<string[]> {
    const rows = await this.query<{ tenant: string }>(
      'select tenant_id as tenant from stored_bytes group by tenant_id having sum(bytes) >= $1',
      [bytes],
    );
    return rows.map(({ tenant }) => tenant);
  }

  keptByTenant(): Promise<{ tenant: string; bytes: number }[]> {
    return this.query(
      `select tenant_id as tenant, sum(bytes)::float8 as bytes from stored_bytes where kind <> 'reservation'
       group by tenant_id order by tenant_id`,
    );
  }

  /** Bytes that all tenants keep, by kind. */
  totals(): Promise<{ kind: StoredKind; bytes: number }[]> {
    return this.query('select kind, sum(bytes)::float8 as bytes from stored_bytes group by kind');
  }

  /** Bytes that the tenant keeps, by kind. */
  async bytesOf({ manager, tenant }: TenantScope): Promise<{ kind: StoredKind; bytes: number }[]> {
    return (await manager.query('select kind, bytes::float8 from stored_bytes where tenant_id = $1', [
      tenant,
    ])) as { kind: StoredKind; bytes: number }[];
  }

  private query<T extends object>(sql: string, parameters: unknown[] = []): Promise<T[]> {
    return this.database.asSystem((system) => system.query<T[]>(sql, parameters));
  }
}

interface ReservationBytes {
  readonly needed: number;
  readonly wanted: number;
  readonly quota: number;
  /** The reservation ends after so long, unless it is prolonged. */
  readonly seconds: number;
  /** URI of the object that is being written. */
  readonly target: string | null;
}
