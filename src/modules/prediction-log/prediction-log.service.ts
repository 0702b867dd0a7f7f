import { Injectable } from '@nestjs/common';
import { PredictionLogConfig } from '../../../config/index.js';
import { Database, type TenantScope } from '../../../platform/database/database.js';
import { Problem } from '../../../platform/errors/problem.js';
import { refuseChanged } from '../../../platform/http/etag.js';
import { isUuid } from '../../../platform/http/identifiers.js';
import { decodeCursor, pageOf } from '../../../platform/http/page.js';
import { modelNotFound } from '../../models/models.service.js';
import type {
  ListPredictionsQuery,
  LoggedPredictionBody,
  LoggedPredictionPage,
  LogSettingsBody,
  LogSettingsDto,
} from './log.dto.js';
import { LogRepository } from './log.repository.js';
import { floorOf, timeOf } from './log-entry.js';
import type { LoggedPrediction, LogSettings } from './prediction-log.entity.js';

/** A page shows 200 requests, each of which may have had a thousand rows. */
const MAX_ROWS_IN_LISTS = 20;

/** The prediction log as its tenant uses it. */
@Injectable()
export class LogService {
  constructor(
    private readonly database: Database,
    private readonly log: LogRepository,
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

  list(tenant: string, modelId: string, query: ListPredictionsQuery): Promise<LoggedPredictionPage> {
    const before = decodeCursor(tenant, query.cursor, isUuid);
    const { limit, version } = query;
    return this.database.asTenant(tenant, async (scope) => {
      await this.refuseAbsent(scope, modelId);
      const filter = { modelId, version, before, limit: limit + 1, maxRows: MAX_ROWS_IN_LISTS };
      const rows = await this.log.list(scope, { ...filter, ...timeRange(query) });
      return pageOf(rows, limit, tenant, ({ requestId }) => requestId, toBody);
    });
  }

  settings(tenant: string, modelId: string): Promise<LogSettingsBody> {
    return this.database.asTenant(tenant, async (scope) => {
      await this.refuseAbsent(scope, modelId);
      return this.describe(scope, modelId);
    });
  }

  /** @throws Problem 412 where they are not in the state that `ifMatch` names */
  replaceSettings(
    tenant: string,
    modelId: string,
    { sample_rate, retention_days, redacted_features }: LogSettingsDto,
    ifMatch: string | undefined,
  ): Promise<LogSettingsBody> {
    return this.database.asTenant(tenant, async (scope) => {
      if (!isUuid(modelId) || !(await this.log.lockModel(scope, modelId))) modelNotFound(modelId);
      if (ifMatch !== undefined) refuseChanged(ifMatch, await this.describe(scope, modelId));
      await this.log.saveSettings(scope, {
        modelId,
        sampleRate: sample_rate ?? null,
        retentionDays: retention_days ?? null,
        redactedFeatures: redacted_features ?? [],
      });
      return this.describe(scope, modelId);
    });
  }

  private async refuseAbsent(scope: TenantScope, modelId: string): Promise<void> {
    if (!isUuid(modelId) || !(await this.log.modelExists(scope, modelId))) modelNotFound(modelId);
  }

  private async describe(scope: TenantScope, modelId: string): Promise<LogSettingsBody> {
    const settings: Partial<LogSettings> = (await this.log.settings(scope, modelId)) ?? {};
    return {
      model_id: modelId.toLowerCase(),
      sample_rate: settings.sampleRate ?? this.config.sampleRate,
      retention_days: settings.retentionDays ?? this.config.retentionDays,
      redacted_features: settings.redactedFeatures ?? [],
    };
  }
}

/** Times as ids have them. */
export function timeRange({ from, to }: { from?: string; to?: string }): { from?: string; to?: string } {
  return {
    ...(from !== undefined && { from: floorOf(Date.parse(from)) }),
    ...(to !== undefined && { to: floorOf(Date.parse(to)) }),
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
  };
}
