import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsIn, IsInt, Max, Min } from 'class-validator';
import { MayBeAbsent } from '../http/may-be-absent.decorator.js';
import { PageInfo, PageQuery } from '../http/page.js';
import { EVENT_FILTERS, EVENT_TYPES } from './event-types.js';

export class ListEventsQuery extends PageQuery {
  /**
   * `sequence` of the last event that was seen: only later ones. Without it from the oldest that is kept.
   * @example 41
   */
  @MayBeAbsent()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  after?: number;

  @ApiProperty({
    description: 'Only events of this type, or of all types that begin so.',
    enum: EVENT_FILTERS,
    required: false,
    example: 'model.*',
  })
  @MayBeAbsent()
  @IsIn(EVENT_FILTERS)
  type?: string;
}

export class EventBody {
  /**
   * Id of the event.
   * @example 019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  event_id: string;

  /**
   * Number of the event among all of the tenant, one more than that of the event before.
   * @example 42
   */
  sequence: number;

  @ApiProperty({ description: 'What happened.', enum: EVENT_TYPES, example: 'model.stage_changed' })
  type: string;

  /**
   * To what: ids and states.
   * @example { "model_id": "550e8400-e29b-41d4-a716-446655440000", "version": "1.2.0", "from_stage": "staging", "to_stage": "production" }
   */
  data: Record<string, unknown>;

  /**
   * When, UTC.
   * @example 2026-02-12T10:05:00.000Z
   */
  created_at: string;
}

export class EventPage {
  /** Events, oldest first. */
  data: EventBody[];

  /** Where the page stands. */
  page: PageInfo;
}
