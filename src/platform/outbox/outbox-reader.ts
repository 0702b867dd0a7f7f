import { Injectable } from '@nestjs/common';
import type { TenantScope } from '../database/database.js';
import type { OutboxEvent } from './outbox.entity.js';
import { OutboxRepository } from './outbox.repository.js';

/** Where modules that pass events on read them: by their numbers, which have no gaps but those of deleted events. */
@Injectable()
export class OutboxReader {
  constructor(private readonly events: OutboxRepository) {}

  /** Events of the tenant after a number, oldest first. */
  after(scope: TenantScope, sequence: number, limit: number): Promise<OutboxEvent[]> {
    return this.events.list(scope, { after: String(sequence), limit });
  }

  /** The number of the tenant's newest event; 0 where there was none. */
  last(scope: TenantScope): Promise<number> {
    return this.events.last(scope);
  }

  /** The same of several tenants; those that never had an event are not among the keys. */
  async lastOf(tenants: readonly string[]): Promise<Map<string, number>> {
    const rows = await this.events.lastOf(tenants);
    return new Map(rows.map(({ tenant, last }) => [tenant, Number(last)]));
  }
}
