import { ApiProperty } from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { MayBeAbsent } from '../../../platform/http/may-be-absent.decorator.js';
import { PageInfo, PageQuery } from '../../../platform/http/page.js';
import { FAILURES } from '../receivers/receivers.js';
import { DELIVERY_STATES, type DeliveryState } from './webhook-delivery.entity.js';

export class ListDeliveriesQuery extends PageQuery {
  @ApiProperty({
    description: 'Only deliveries in this state.',
    enum: DELIVERY_STATES,
    required: false,
    example: 'dead',
  })
  @MayBeAbsent()
  @IsIn(DELIVERY_STATES)
  state?: DeliveryState;
}

export class DeliveryBody {
  /**
   * Id of the delivery.
   * @example 019c1a7c-0b3e-7c41-9d2e-6a1f2b3c4d5e
   */
  delivery_id: string;

  /**
   * Id of the event: the `webhook-id` that its receiver gets.
   * @example 019c1a7c-0b3e-7c41-9d2e-7a1f2b3c4d5e
   */
  event_id: string;

  /**
   * Number of the event among all of the tenant.
   * @example 42
   */
  sequence: number;

  /**
   * Type of the event.
   * @example model.stage_changed
   */
  type: string;

  @ApiProperty({
    description: 'Whether the receiver has taken it, will be asked again, or is asked no more.',
    enum: DELIVERY_STATES,
    example: 'pending',
  })
  state: DeliveryState;

  /**
   * How often it was tried since it was last sent again.
   * @example 2
   */
  attempts: number;

  @ApiProperty({
    description: 'Status that the receiver answered with last; null where it did not.',
    type: 'integer',
    nullable: true,
    example: 503,
  })
  last_status: number | null;

  @ApiProperty({
    description: 'Why there was no answer, or no attempt; null where there was an answer.',
    enum: [...FAILURES, 'secret_unreadable', 'webhook_disabled'],
    type: String,
    nullable: true,
    example: null,
  })
  last_error: string | null;

  @ApiProperty({
    description: 'When it was last tried, UTC.',
    type: String,
    nullable: true,
    example: '2026-02-12T10:00:05.000Z',
  })
  last_attempt_at: string | null;

  @ApiProperty({
    description: 'From when on it is tried next, UTC; null where it is not.',
    type: String,
    nullable: true,
    example: '2026-02-12T10:00:13.000Z',
  })
  next_attempt_at: string | null;

  /**
   * When it was made of its event, UTC.
   * @example 2026-02-12T10:00:00.000Z
   */
  created_at: string;
}

export class DeliveryPage {
  /** Deliveries, newest first. */
  data: DeliveryBody[];

  /** Where the page stands. */
  page: PageInfo;
}

export class ResentBody {
  /**
   * Deliveries that are sent again.
   * @example 3
   */
  resent: number;
}
