import { Injectable } from '@nestjs/common';
import type { TenantScope } from '../database/database.js';
import { newId } from '../http/identifiers.js';
import type { NewEvent } from './event-types.js';
import { OutboxRepository } from './outbox.repository.js';

/** Where whoever changes something says so to those that want to know. */
@Injectable()
export class Outbox {
  constructor(private readonly events: OutboxRepository) {}

  /** Writes an event in the transaction of the change that it tells of: both are there, or neither is. */
  add(scope: TenantScope, event: NewEvent): Promise<void> {
    return this.events.insert(scope, newId(), event);
  }
}
