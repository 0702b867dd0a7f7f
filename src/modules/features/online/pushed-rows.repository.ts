import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { TenantScope } from '../../../platform/database/database.js';
import type { StoredView } from '../definitions/definitions.js';
import type { FitRow } from './push-rows.js';
import type { PushedRow } from './pushed-row.entity.js';

/** `created_us` of a row without a created time, which is less than any. */
export const NO_CREATED = String(-(2n ** 63n));

/** What became of rows: none of this entity and these times was there, one with other values was, the same was. */
export interface KeptOffline {
  readonly written: number;
  readonly replaced: number;
  readonly unchanged: number;
}

/** A row on its way into a file. */
export type TakenRow = Pick<PushedRow, 'values' | 'eventUs' | 'createdUs'>;

/** SQL of pushed rows that are in no file yet. */
@Injectable()
export class PushedRowsRepository {
  /** Whether the version of the view is still there; it then stays until this transaction ends. */
  async holdView({ manager, tenant }: TenantScope, { name, version }: StoredView): Promise<boolean> {
    const rows: unknown[] = await manager.query(
      `select from feature_views where tenant_id = $1 and name = $2 and version = $3 for key share`,
      [tenant, name, version],
    );
    return rows.length > 0;
  }

  /**
   * Keeps rows; one of the same entity, event and created time takes the place of that which is there.
   * @param rows no two of the same entity and times
   */
  async save(
    { manager, tenant }: TenantScope,
    view: StoredView,
    rows: readonly FitRow[],
  ): Promise<KeptOffline> {
    const { name, version } = view;
    // All lock in one order, so that two pushes of the same entities do not wait for each other.
    const sorted = [...rows].sort((one, other) => (one.entityKey < other.entityKey ? -1 : 1));
    const saved: { inserted: boolean }[] = await manager.query(
      `insert into feature_pushed_rows (tenant_id, view, version, entity_key, event_us, created_us, "values")
       select $1, $2, $3, r.* from unnest($4::text[], $5::bigint[], $6::bigint[], $7::jsonb[]) as r
       on conflict (tenant_id, view, version, entity_key, event_us, created_us) do update
         set "values" = excluded."values", pushed_at = now()
         where feature_pushed_rows."values" <> excluded."values"
       returning xmax = 0 as inserted`,
      [
        tenant,
        name,
        version,
        sorted.map(({ entityKey }) => entityKey),
        sorted.map(({ times }) => times.event),
        sorted.map(({ times }) => times.created ?? NO_CREATED),
        sorted.map(({ values, times }) =>
          JSON.stringify(view.expires_column === null ? values : { ...values, '@expires': times.expires }),
        ),
      ],
    );
    const written = saved.filter(({ inserted }) => inserted).length;
    return { written, replaced: saved.length - written, unchanged: rows.length - saved.length };
  }

  /** Notes up to when the online store has heard of its view. @param microseconds since 1970 */
  async noteNewest(
    { manager, tenant }: TenantScope,
    { name, version }: StoredView,
    microseconds: number,
  ): Promise<void> {
    await manager.query(
      `update feature_views set newest_event_time = timestamptz 'epoch' + $4::bigint * interval '1 microsecond'
       where tenant_id = $1 and name = $2 and version = $3
         and (newest_event_time is null
              or newest_event_time < timestamptz 'epoch' + $4::bigint * interval '1 microsecond')`,
      [tenant, name, version, microseconds],
    );
  }

  /**
   * Deletes rows of a version and returns them; another transaction that takes some waits for the end of this one.
   * @param maxBytes of JSON text; one row is taken whatever its length
   */
  async take(
    { manager, tenant }: TenantScope,
    { name, version }: StoredView,
    maxRows: number,
    maxBytes: number,
  ): Promise<TakenRow[]> {
    await lock(manager, [tenant, name, version]);
    const [rows]: [TakenRow[], number] = await manager.query(
      `with measured as (
         select entity_key, event_us, created_us, row_number() over earlier as place,
                sum(octet_length("values"::text)) over earlier as bytes
         from feature_pushed_rows where tenant_id = $1 and view = $2 and version = $3
         window earlier as (order by entity_key, event_us, created_us)
         limit $4
       )
       delete from feature_pushed_rows pushed using measured
       where pushed.tenant_id = $1 and pushed.view = $2 and pushed.version = $3
         and pushed.entity_key = measured.entity_key and pushed.event_us = measured.event_us
         and pushed.created_us = measured.created_us and (measured.bytes <= $5 or measured.place = 1)
       returning pushed."values", pushed.event_us as "eventUs", pushed.created_us as "createdUs"`,
      [tenant, name, version, maxRows, maxBytes],
    );
    return rows;
  }

  /** Deletes the rows of one of an entity. @param key parts by column, as text @returns how many there were */
  async erase(
    { manager, tenant }: TenantScope,
    { name, version }: StoredView,
    key: Readonly<Record<string, string>>,
  ): Promise<number> {
    await lock(manager, [tenant, name, version]);
    const [, erased]: [unknown[], number] = await manager.query(
      `delete from feature_pushed_rows where tenant_id = $1 and view = $2 and version = $3
         and not exists (select from unnest($4::text[], $5::text[]) as key (name, value)
                         where "values" ->> key.name is distinct from key.value)`,
      [tenant, name, version, Object.keys(key), Object.values(key)],
    );
    return erased;
  }
}

/** Waits for whoever takes rows of the version into a file, or erases some. */
async function lock(
  manager: EntityManager,
  version: [tenant: string, name: string, version: number],
): Promise<void> {
  await manager.query(`select pg_advisory_xact_lock(hashtext('pushed rows of ' || $1 || $2), $3)`, version);
}
