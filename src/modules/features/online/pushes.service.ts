import { Injectable } from '@nestjs/common';
import { forgetAt, formatOnlineValue } from '#libs/features';
import { FeaturesConfig } from '../../../config/index.js';
import { Database } from '../../../platform/database/database.js';
import { fieldsProblem, jsonPointer, Problem, unfit } from '../../../platform/errors/problem.js';
import { FeatureCatalog } from '../catalog/feature-catalog.js';
import type { StoredView } from '../definitions/definitions.js';
import { OnlineStore, type WriteOutcome } from './online-store.js';
import { parsePushRequest } from './push-request.js';
import { checkRows, type FitRow } from './push-rows.js';
import { type KeptOffline, PushedRowsRepository } from './pushed-rows.repository.js';
import type { BrokenRule, PushBody } from './pushes.dto.js';

type WrittenOnline = Record<WriteOutcome, number>;

/** Takes in rows of a view as they happen: for training into PostgreSQL, and for serving into Redis. */
@Injectable()
export class PushesService {
  constructor(
    private readonly catalog: FeatureCatalog,
    private readonly database: Database,
    private readonly rows: PushedRowsRepository,
    private readonly store: OnlineStore,
    private readonly config: FeaturesConfig,
  ) {}

  /**
   * Bears to be repeated: rows of the same entity, event and created time count once, with the values that came last.
   * @throws Problem 400 for the envelope, 422 for rows that do not fit the view or its rules, 503 which tells what is
   * kept where a store is away
   */
  async push(tenant: string, body: unknown): Promise<PushBody> {
    const { view: name, rows, to } = parsePushRequest(body, this.config.maxRows);
    const view = (await this.catalog.of(tenant)).view(name, '/view');
    if (view.kind === 'on_demand')
      throw unfit('/view', `is on demand: its features are computed, and take no rows`);
    if (view.aggregations.length > 0 && to !== 'offline')
      throw unfit('/to', `must be "offline": the view sums up events, which its next materialization reads`);

    const checked = checkRows(view, rows, Date.now() * 1000);
    if (view.on_failure === 'block') refuseViolations(checked);
    const taken =
      view.on_failure === 'quarantine'
        ? checked.filter(({ violations }) => violations.length === 0)
        : checked;
    const broken = checked.flatMap(({ at, violations }) => violations.map((one) => ({ row: at, ...one })));

    const isEmpty = taken.length === 0;
    const offline = isEmpty || to === 'online' ? undefined : await this.keep(tenant, view, lastOfEach(taken));
    const online = isEmpty || to === 'offline' ? undefined : await this.write(tenant, view, taken, offline);
    return {
      view: view.name,
      version: view.version,
      accepted: taken.length,
      ...(online && { online }),
      ...(offline && { offline }),
      ...(broken.length > 0 && brokenRules(view, broken)),
    };
  }

  private keep(tenant: string, view: StoredView, rows: readonly FitRow[]): Promise<KeptOffline> {
    return this.database.asTenant(tenant, async (scope) => {
      if (!(await this.rows.holdView(scope, view))) throw unfit('/view', 'was deleted meanwhile');
      return this.rows.save(scope, view, rows);
    });
  }

  /** @throws Problem 503 where Redis did not take all of the rows, or cannot say that they are durable */
  private async write(
    tenant: string,
    view: StoredView,
    rows: readonly FitRow[],
    offline: KeptOffline | undefined,
  ): Promise<WrittenOnline> {
    const prefix = this.store.keyPrefix(tenant, view.online_id);
    const { outcomes, isDurable } = await this.store.write(
      rows.map(({ entityKey, times, values }) => ({
        key: prefix + entityKey,
        value: formatOnlineValue(
          times,
          view.layout.map((name) => values[name] ?? null),
        ),
        forgetAt: forgetAt(times, view.ttl_seconds),
      })),
    );
    const counts: WrittenOnline = { written: 0, replaced: 0, kept_newer: 0 };
    for (const outcome of outcomes) if (outcome) counts[outcome]++;
    if (!isDurable) {
      const known = outcomes.filter((outcome) => outcome !== null).length;
      const kept = offline ? `All ${rows.length} rows are in the offline store. ` : '';
      const detail = `${kept}The online store took ${known} of ${rows.length}, and may lose them. Push the rows again: what is there counts once.`;
      throw new Problem('FEATURES_UNAVAILABLE', detail, { headers: { 'Retry-After': '1' } });
    }
    const newest = Math.max(...rows.map(({ times }) => times.event));
    await this.database.asTenant(tenant, (scope) => this.rows.noteNewest(scope, view, newest));
    return counts;
  }
}

/** Of rows of one entity and the same times, the one that comes last in the request. */
function lastOfEach(rows: readonly FitRow[]): FitRow[] {
  return [
    ...new Map(
      rows.map((row) => [`${row.times.event},${row.times.created},${row.entityKey}`, row] as const),
    ).values(),
  ];
}

/** @throws Problem 422 naming every row and rule */
function refuseViolations(rows: readonly FitRow[]): void {
  const errors = rows.flatMap(({ at, violations }) =>
    violations.map(({ feature, rule, message }) => ({
      pointer: jsonPointer('rows', at, feature),
      message: `breaks the rule ${rule}: ${message}`,
    })),
  );
  if (errors.length > 0) throw fieldsProblem('VALIDATION_ERROR', errors);
}

function brokenRules(
  { on_failure: onFailure }: StoredView,
  broken: BrokenRule[],
): Pick<PushBody, 'quarantined' | 'warnings'> {
  return onFailure === 'quarantine' ? { quarantined: broken } : { warnings: broken };
}
