import { Injectable } from '@nestjs/common';
import { PredictionLogConfig } from '../../config/index.js';
import { Database, type TenantScope } from '../../platform/database/database.js';
import { Problem } from '../../platform/errors/problem.js';
import { refuseChanged } from '../../platform/http/etag.js';
import { isUuid } from '../../platform/http/identifiers.js';
import { decodeCursor, pageOf } from '../../platform/http/page.js';
import { UsageCounter } from '../../platform/usage/usage-counter.js';
import { VersionsService } from '../models/versions.service.js';
import { PredictionCountsRepository } from './counts/prediction-counts.repository.js';
import type {
  ListPredictionsQuery,
  LoggedPredictionBody,
  LoggedPredictionPage,
  LogSettingsBody,
  LogSettingsDto,
} from './prediction-log.dto.js';
import type { LoggedPrediction, LogSettings } from './prediction-log.entity.js';
import {
  type BatchEntry,
  type LogFilter,
  type PageOfWindow,
  PredictionLogRepository,
} from './prediction-log.repository.js';
import { refuseUnknownFeatures, warningsOf } from './redaction.js';
import { requestUuid, timeOf } from './request-ids.js';

/** A page shows 200 requests, each of which may have had a thousand rows. */
const MAX_ROWS_IN_LISTS = 20;

/** JSON text of one page of a window, whatever its requests hold. */
const WINDOW_PAGE_BYTES = 4 * 2 ** 20;
const MOST_REQUESTS_IN_PAGE = 1000;
const FEWEST_REQUESTS_ASKED_FOR = 16;

/** A part of the log to read. */
export interface LogWindow extends LogFilter {
  readonly from: Date;
  readonly to: Date;
  /** Oldest first unless this says otherwise. */
  readonly order?: PageOfWindow['order'];
  /** `requestId` of the last prediction of an earlier reading: goes on behind it. */
  readonly after?: string;
}

/** The prediction log as its tenant and other modules read it. What is answered is handed to the PredictionRecorder. */
@Injectable()
export class PredictionLogService {
  constructor(
    private readonly database: Database,
    private readonly versions: VersionsService,
    private readonly log: PredictionLogRepository,
    private readonly counts: PredictionCountsRepository,
    private readonly usage: UsageCounter,
    private readonly config: PredictionLogConfig,
  ) {}

  /** @throws Problem 404 also while it has not been flushed, and where it was not sampled */
  async get(tenant: string, requestId: string): Promise<LoggedPredictionBody> {
    const uuid = /^req-(.*)$/.exec(requestId)?.[1] ?? '';
    const found =
      isUuid(uuid) && (await this.database.asTenant(tenant, (scope) => this.log.find(scope, uuid)));
    if (found) return toBody(found);
    throw new Problem('NOT_FOUND', `The log has no prediction ${requestId.slice(0, 80)}.`);
  }

  list(tenant: string, model: string, query: ListPredictionsQuery): Promise<LoggedPredictionPage> {
    const before = decodeCursor(tenant, query.cursor, isUuid);
    const { limit, version } = query;
    return this.database.asTenant(tenant, async (scope) => {
      const modelId = await this.versions.findModelId(scope, model);
      const page = { before, limit: limit + 1, maxRows: MAX_ROWS_IN_LISTS };
      const rows = await this.log.list(scope, { modelId, version, ...timeRange(query) }, page);
      return pageOf(rows, limit, tenant, ({ requestId }) => requestId, toBody);
    });
  }

  /**
   * Reads what the log has of a model, page by page: nothing where there is no such model. A page is one transaction
   * and holds at most 4 MiB of JSON text, or a single larger request, so that a reader may take as long as it likes.
   * A batch is given by reference, with `batch` instead of features and output. What is flushed into the window while
   * it is read may be missed. Belongs into a worker: looking for a small sample takes longer than a request may.
   */
  async *readWindow(
    tenant: string,
    { order = 'oldest first', after, ...filter }: LogWindow,
  ): AsyncGenerator<LoggedPrediction[], void, undefined> {
    if (!isUuid(filter.modelId)) return;
    for (let maxRequests = FEWEST_REQUESTS_ASKED_FOR, last = after; ;) {
      const limits = { maxRequests, maxBytes: WINDOW_PAGE_BYTES };
      const page = await this.database.asTenant(tenant, (scope) =>
        this.log.window(scope, filter, { order, after: last, ...limits }),
      );
      last = page.at(-1)?.requestId;
      if (last === undefined) return;
      yield page;
      // What does not fit is measured for nothing, so that not much more is asked for than fitted last.
      maxRequests = Math.min(MOST_REQUESTS_IN_PAGE, Math.max(FEWEST_REQUESTS_ASKED_FOR, 2 * page.length));
    }
  }

  /** Remembers a batch by reference and counts its rows, in the transaction that ends its job. */
  async recordBatch(scope: TenantScope, entry: BatchEntry): Promise<void> {
    const requestId = requestUuid(entry.requestId);
    await this.log.addBatch(scope, { ...entry, requestId });
    await this.counts.addBatch(scope, { ...entry, requestId });
    scope.afterCommit(() => this.usage.addRows(scope.tenant, entry.batch.rows_scored));
  }

  settings(tenant: string, model: string): Promise<LogSettingsBody> {
    return this.database.asTenant(tenant, async (scope) =>
      this.describe(scope, await this.versions.findModelId(scope, model)),
    );
  }

  /** @throws Problem 412 where they are not in the state that `ifMatch` names, 422 for features that no version has */
  replaceSettings(
    tenant: string,
    model: string,
    { sample_rate, retention_days, redacted_features = [] }: LogSettingsDto,
    ifMatch: string | undefined,
  ): Promise<LogSettingsBody> {
    return this.database.asTenant(tenant, async (scope) => {
      const modelId = await this.versions.lockModel(scope, model);
      if (ifMatch !== undefined) refuseChanged(ifMatch, await this.describe(scope, modelId));
      refuseUnknownFeatures(redacted_features, await this.versions.featuresOf(scope, modelId));
      await this.log.saveSettings(scope, {
        modelId,
        sampleRate: sample_rate ?? null,
        retentionDays: retention_days ?? null,
        redactedFeatures: redacted_features,
      });
      return this.describe(scope, modelId);
    });
  }

  private async describe(scope: TenantScope, modelId: string): Promise<LogSettingsBody> {
    const settings: Partial<LogSettings> = (await this.log.settings(scope, modelId)) ?? {};
    const redacted = settings.redactedFeatures ?? [];
    const warnings =
      redacted.length > 0 ? warningsOf(redacted, await this.versions.featuresOf(scope, modelId)) : [];
    return {
      model_id: modelId,
      sample_rate: settings.sampleRate ?? this.config.sampleRate,
      retention_days: settings.retentionDays ?? this.config.retentionDays,
      redacted_features: redacted,
      ...(warnings.length > 0 && { warnings }),
    };
  }
}

/** The bounds of a query, as times. */
export function timeRange({ from, to }: { from?: string; to?: string }): { from?: Date; to?: Date } {
  return {
    ...(from !== undefined && { from: new Date(from) }),
    ...(to !== undefined && { to: new Date(to) }),
  };
}

export function toBody(row: LoggedPrediction): LoggedPredictionBody {
  return {
    request_id: `req-${row.requestId}`,
    model_id: row.modelId,
    version: row.version,
    time: new Date(timeOf(row.requestId)).toISOString(),
    row_count: row.rowCount,
    latency_ms: row.latencyMs,
    features: row.features,
    ...(row.output ?? { prediction: null }),
    ...(row.batch && { batch: row.batch }),
    ...(row.deployment !== null && { deployment: row.deployment }),
    ...(row.arm !== null && { arm: row.arm }),
    ...(row.shadow && { shadow: true }),
    ...(row.ensemble && { ensemble: row.ensemble }),
    ...(row.entityKeys && { entity_keys: row.entityKeys }),
  };
}
