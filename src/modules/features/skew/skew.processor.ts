import { Injectable } from '@nestjs/common';
import { Compute } from '../../../platform/compute/compute.js';
import { AttemptFiles } from '../../../platform/jobs/attempt-files.js';
import type { JobAttempt } from '../../../platform/jobs/job-attempt.js';
import { Handles, type JobHandler, type Outcome } from '../../../platform/jobs/job-handlers.js';
import type { AttemptRef } from '../../../platform/jobs/job-kind.js';
import { EngineRoom } from '../offline/engine-room.js';
import { FeatureJoins } from '../offline/feature-joins.service.js';
import { columnsAskedFor, keysOf, type JoinPlan, requestInputsOf } from '../offline/join-plan.js';
import type { ViewsProgressBody } from '../offline/views-progress.dto.js';
import { type LoggedRows, LoggedRowsWriter, REQUEST, servedOf, TIME } from './logged-rows.js';
import { type ComparedRows, SKEW, SKEW_CONTRACT, type SkewSpec, type ToldRow } from './skew-job.js';
import type { SkewedRowBody, SkewReportBody, UncomparedFeatureBody } from './skew.dto.js';

type SkewAttempt = JobAttempt<SkewSpec, ViewsProgressBody>;

/** Floats go through JSON without losing a bit; what is left is the order in which sums are made. */
const RELATIVE_TOLERANCE = 1e-9;

/** Has an engine hold what predictions were served against what the sources say of the same instants. */
@Injectable()
@Handles(SKEW)
export class SkewProcessor implements JobHandler<SkewSpec, ViewsProgressBody, SkewReportBody> {
  constructor(
    private readonly compute: Compute,
    private readonly joins: FeatureJoins,
    private readonly logged: LoggedRowsWriter,
    private readonly files: AttemptFiles,
    private readonly room: EngineRoom,
  ) {}

  async run(attempt: SkewAttempt): Promise<Outcome<SkewReportBody>> {
    const { claim, job } = attempt;
    const { tenant } = claim;
    const whole = await this.joins.plan(tenant, job.spec.features);
    const keys = keysOf(whole).map(({ name }) => name);
    const rows = await this.logged.write(attempt, columnsAskedFor(whole));
    const notCompared = uncompared(whole, rows);
    const features = job.spec.features.filter(
      ({ name }) => !notCompared.some((other) => other.name === name),
    );
    if (rows.rows === 0 || features.length === 0) return nothing(attempt, notCompared);
    const plan = await this.joins.plan(tenant, features);
    const entityRows = {
      format: 'json_lines',
      files: rows.files,
      timestampColumn: TIME,
      ignoreCreated: false,
    } as const;
    const join = await this.joins.specify(tenant, plan, entityRows, claim.id, (message) =>
      attempt.report({ type: 'warning', message }),
    );
    const outcome = await this.compute.run(attempt, SKEW_CONTRACT, {
      ...this.room.of(claim, SKEW),
      join: join.spec,
      compared: features.map(({ name }) => ({ feature: name, served: servedOf(name) })),
      shown: [REQUEST, TIME, ...keys],
      relative_tolerance: RELATIVE_TOLERANCE,
    });
    if (outcome.type !== 'succeeded') return outcome;
    const report = reportOf(outcome.result, notCompared);
    return { type: 'succeeded', metrics: {}, commit: () => Promise.resolve(report) };
  }

  cleanUp(claim: AttemptRef): Promise<void> {
    return this.files.clear(claim);
  }
}

/** Features that the log says nothing of, or that cannot be computed from what it has. */
function uncompared(plan: JoinPlan, { rows, columns }: LoggedRows): UncomparedFeatureBody[] {
  if (rows === 0) return [];
  return plan.order.flatMap((name) => {
    if (!columns.has(servedOf(name)))
      return { name, reason: 'is not in the log: the model does not take it, or it is redacted' };
    const absent = requestInputsOf(plan, name).filter((column) => !columns.has(column));
    if (absent.length === 0) return [];
    return { name, reason: `needs ${absent.join(', ')} of the request, which the log does not have` };
  });
}

function nothing(attempt: SkewAttempt, notCompared: UncomparedFeatureBody[]): Outcome<SkewReportBody> {
  if (notCompared.length === 0)
    attempt.report({
      type: 'warning',
      message: 'the log has no prediction by entity of this version in this time.',
    });
  const empty = { rows: 0, relative_tolerance: RELATIVE_TOLERANCE, views: [], features: [] };
  return {
    type: 'succeeded',
    metrics: {},
    commit: () => Promise.resolve({ ...empty, not_compared: notCompared }),
  };
}

function reportOf(
  { features, ...counts }: ComparedRows,
  notCompared: UncomparedFeatureBody[],
): SkewReportBody {
  return {
    ...counts,
    features: features.map(({ worst, ...feature }) => ({ ...feature, worst: worst.map(rowOf) })),
    not_compared: notCompared,
  };
}

function rowOf({
  [REQUEST]: request,
  [TIME]: time,
  online,
  offline,
  difference,
  ...entity
}: ToldRow): SkewedRowBody {
  return { request_id: String(request), time: String(time), entity, online, offline, difference };
}
