import { Injectable } from '@nestjs/common';
import type { TenantScope } from '../../platform/database/database.js';

/** Whose rows are meant: values by name, as text. */
export interface LoggedSubject {
  /** The key columns of an entity: rows whose features were looked up by these. */
  readonly keys: Readonly<Record<string, string>>;
  /** A feature that holds the id of the subject, and its value; null where none does. */
  readonly id: { readonly feature: string; readonly value: string } | null;
}

/** A request with rows of the subject. */
interface FoundRequest {
  readonly requestId: string;
  readonly rowCount: number;
  /** Places of these rows, from 1. */
  readonly places: readonly number[];
}

/** The list of rows that a column of the log holds: one alone stands there without a list, and a batch has none. */
const rowsOf = (column: string) =>
  `json_array_elements(case json_typeof(${column}) when 'array' then ${column}
                         when 'object' then json_build_array(${column}) else '[]' end) with ordinality as r (row, at)`;

/** The list of rows in which those at the places of `$3` are empty. */
const emptied = (column: string) =>
  `(select json_agg(case when at = any($3::bigint[]) then '{}' else row end order by at) from ${rowsOf(column)})`;

/** SQL that takes one subject out of a tenant's prediction log. */
@Injectable()
export class LogErasureRepository {
  /** The last of the next requests behind `after`; undefined where there are fewer. */
  async boundary(
    { manager, tenant }: TenantScope,
    after: string,
    requests: number,
  ): Promise<string | undefined> {
    const rows: { id: string }[] = await manager.query(
      `select request_id as id from prediction_log where tenant_id = $1 and request_id > $2
       order by request_id offset $3 limit 1`,
      [tenant, after, requests - 1],
    );
    return rows[0]?.id;
  }

  /** Requests behind `after` up to `last` that have rows of the subject. */
  find(
    { manager, tenant }: TenantScope,
    { keys, id }: LoggedSubject,
    after: string,
    last: string,
  ): Promise<FoundRequest[]> {
    return manager.query(
      `select request_id as "requestId", row_count as "rowCount", found.places
       from prediction_log, lateral (
         select array_agg(distinct at)::integer[] as places from (
           select at from ${rowsOf('entity_keys')}
           where not exists (select from unnest($4::text[], $5::text[]) as key (name, value)
                             where row ->> name is distinct from value)
           union all
           select at from ${rowsOf('features')} where row ->> $6 = $7
         ) as hits
       ) as found
       where tenant_id = $1 and request_id > $2 and request_id <= $3 and found.places is not null`,
      [
        ...[tenant, after, last, Object.keys(keys), Object.values(keys)],
        ...[id?.feature ?? null, id?.value ?? null],
      ],
    );
  }

  async delete({ manager, tenant }: TenantScope, requestIds: readonly string[]): Promise<void> {
    await manager.query('delete from prediction_log where tenant_id = $1 and request_id = any($2::uuid[])', [
      tenant,
      requestIds,
    ]);
  }

  /** Takes rows out of a request of several; the others stay to the letter, and each at its place. */
  async empty(
    { manager, tenant }: TenantScope,
    { requestId, places }: Pick<FoundRequest, 'requestId' | 'places'>,
  ): Promise<void> {
    // Deleted and inserted, so that the bytes of the log are counted anew.
    await manager.query(
      `with gone as (delete from prediction_log where tenant_id = $1 and request_id = $2 returning *)
       insert into prediction_log (tenant_id, request_id, model_id, version, row_count, latency_ms, features, output,
         batch, deployment, arm, shadow, ensemble, entity_keys)
       select tenant_id, request_id, model_id, version, row_count, latency_ms, ${emptied('features')}, output,
         batch, deployment, arm, shadow, ensemble, ${emptied('entity_keys')}
       from gone`,
      [tenant, requestId, places],
    );
  }
}
