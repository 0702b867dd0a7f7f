import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { decodeCursor, pageOf } from '../http/page.js';
import { typesOf } from './event-types.js';
import type { EventBody, EventPage, ListEventsQuery } from './events.dto.js';
import type { OutboxEvent } from './outbox.entity.js';
import { OutboxRepository } from './outbox.repository.js';

/** Events as their tenant reads them. */
@Injectable()
export class EventsService {
  constructor(
    private readonly database: Database,
    private readonly events: OutboxRepository,
  ) {}

  list(tenant: string, { after = 0, cursor, limit, type }: ListEventsQuery): Promise<EventPage> {
    const position = decodeCursor(tenant, cursor, (key) => /^\d{1,18}$/.test(key)) ?? String(after);
    const types = type === undefined ? undefined : typesOf(type);
    return this.database.asTenant(tenant, async (scope) => {
      const rows = await this.events.list(scope, { after: position, types, limit: limit + 1 });
      return pageOf(rows, limit, tenant, ({ sequence }) => sequence, toEventBody);
    });
  }
}

function toEventBody({ id, sequence, type, data, createdAt }: OutboxEvent): EventBody {
  return { event_id: id, sequence: Number(sequence), type, data, created_at: createdAt.toISOString() };
}
