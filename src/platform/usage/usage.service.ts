import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { invalid } from '../errors/problem.js';
import type { UsageBody, UsageDayBody, UsageQuery } from './usage.dto.js';
import { UsageCounter } from './usage-counter.js';
import { UsageRepository } from './usage.repository.js';

const DAY_MS = 24 * 3600_000;
const DEFAULT_DAYS = 30;
const MAX_DAYS = 92;

/** What a tenant has used, by the day. */
@Injectable()
export class UsageService {
  constructor(
    private readonly database: Database,
    private readonly usage: UsageRepository,
    private readonly counter: UsageCounter,
  ) {}

  /**
   * With what this process has counted up to now; other processes write theirs every five seconds.
   * @throws Problem 400 for a window that is none, or too long
   */
  async list(tenant: string, query: UsageQuery): Promise<UsageBody> {
    const to = dayOf('to', query.to) ?? Math.floor(Date.now() / DAY_MS);
    const from = dayOf('from', query.from) ?? to - DEFAULT_DAYS + 1;
    if (from > to) throw invalid('from', 'must not be after to');
    if (to - from >= MAX_DAYS) throw invalid('from', `must be at most ${MAX_DAYS - 1} days before to`);
    await this.counter.flush();
    const used = await this.database.asTenant(tenant, (scope) =>
      this.usage.list(scope, textOf(from), textOf(to)),
    );
    const byDay = new Map(used.map((day) => [day.day, day]));
    const data = Array.from({ length: to - from + 1 }, (_, at): UsageDayBody => {
      const day = textOf(from + at);
      const { requests = 0, rows = 0, jobSeconds = 0, storedBytes = null } = byDay.get(day) ?? {};
      return { day, requests, rows, job_seconds: jobSeconds, stored_bytes: storedBytes };
    });
    return { data };
  }
}

/** Days since 1970. */
function dayOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = Date.parse(`${text}T00:00:00Z`);
  // The 30th of February is read as a day of March.
  if (Number.isNaN(ms) || textOf(ms / DAY_MS) !== text) throw invalid(name, 'must be a day of the calendar');
  return ms / DAY_MS;
}

function textOf(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}
