import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/database/database.js';
import { decodeCursor, pageOf } from '../../../platform/http/page.js';
import { VersionsService } from '../../models/versions.service.js';
import type { ListPredictionsQuery } from '../prediction-log.dto.js';
import { timeRange } from '../prediction-log.service.js';
import type { PredictionCountBody, PredictionCountPage } from './prediction-counts.dto.js';
import {
  type CountedWindow,
  PredictionCountsRepository,
  type WindowKey,
} from './prediction-counts.repository.js';

/** Answered and refused predictions by the minute, as their tenant and other modules read them. */
@Injectable()
export class PredictionCountsService {
  constructor(
    private readonly database: Database,
    private readonly versions: VersionsService,
    private readonly counts: PredictionCountsRepository,
  ) {}

  /** Newest minute first; a minute that is not over still grows. @throws Problem 404 */
  list(tenant: string, model: string, query: ListPredictionsQuery): Promise<PredictionCountPage> {
    const cursor = decodeCursor(tenant, query.cursor, isKey);
    const before = cursor === undefined ? undefined : parseKey(cursor);
    const { limit, version } = query;
    return this.database.asTenant(tenant, async (scope) => {
      const modelId = await this.versions.findModelId(scope, model);
      const filter = { modelId, version, ...timeRange(query), before, limit: limit + 1 };
      return pageOf(await this.counts.list(scope, filter), limit, tenant, keyOf, toBody);
    });
  }
}

function keyOf({ windowStart, version, code }: CountedWindow): string {
  return JSON.stringify([windowStart.getTime(), version, code]);
}

function parseKey(key: string): WindowKey {
  const [ms, version, code] = JSON.parse(key) as [number, string, string];
  return { windowStart: new Date(ms), version, code };
}

function isKey(key: string): boolean {
  const [ms, version, code] = JSON.parse(key) as unknown[];
  return Number.isSafeInteger(ms) && typeof version === 'string' && typeof code === 'string';
}

function toBody({ windowStart, version, code, requests, rows }: CountedWindow): PredictionCountBody {
  return { window_start: windowStart.toISOString(), version: version || null, code, requests, rows };
}
