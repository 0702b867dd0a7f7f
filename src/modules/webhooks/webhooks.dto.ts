import { ApiProperty } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsString,
  Length,
  MaxLength,
} from 'class-validator';
import { MayBeAbsent } from '../../platform/http/may-be-absent.decorator.js';
import { PageInfo } from '../../platform/http/page.js';
import { EVENT_FILTERS } from '../../platform/outbox/event-types.js';
import { FAILURES } from './receivers/receivers.js';

/** What a webhook may ask for. */
const FILTERS = [...EVENT_FILTERS, '*'];

const MAX_URL = 2048;
const MAX_DESCRIPTION = 500;

export class CreateWebhookDto {
  /**
   * Where events are sent. HTTPS, to a host all of whose addresses are public.
   * @example https://hooks.acme-corp.example/modelplane
   */
  @IsString()
  @Length(1, MAX_URL)
  url: string;

  @ApiProperty({
    description:
      'Types of events, all that begin with the same word (`model.*`), or all that there are (`*`).',
    type: String,
    isArray: true,
    enum: FILTERS,
    minItems: 1,
    maxItems: FILTERS.length,
    uniqueItems: true,
    example: ['model.*', 'job.ended'],
  })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(FILTERS.length)
  @ArrayUnique()
  @IsIn(FILTERS, { each: true })
  events: string[];

  /**
   * A note for people.
   * @example "promotions for the release channel"
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(MAX_DESCRIPTION)
  description?: string;

  /**
   * Whether events are sent; without it true.
   * @example true
   */
  @MayBeAbsent()
  @IsBoolean()
  enabled?: boolean;
}

export class UpdateWebhookDto {
  /**
   * Where events are sent, as in `POST`.
   * @example https://hooks.acme-corp.example/modelplane
   */
  @MayBeAbsent()
  @IsString()
  @Length(1, MAX_URL)
  url?: string;

  @ApiProperty({
    description: 'Replaces what events are sent.',
    type: String,
    isArray: true,
    enum: FILTERS,
    minItems: 1,
    maxItems: FILTERS.length,
    uniqueItems: true,
    required: false,
    example: ['*'],
  })
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(FILTERS.length)
  @ArrayUnique()
  @IsIn(FILTERS, { each: true })
  events?: string[];

  /**
   * A note for people.
   * @example "promotions for the release channel"
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(MAX_DESCRIPTION)
  description?: string;

  /**
   * Whether events are sent. What waits when it is disabled is dead; once enabled again, it is told of what happens from
   * then on.
   * @example false
   */
  @MayBeAbsent()
  @IsBoolean()
  enabled?: boolean;
}

export class WebhookBody {
  /**
   * Id of the webhook.
   * @example 019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  webhook_id: string;

  /**
   * Where events are sent.
   * @example https://hooks.acme-corp.example/modelplane
   */
  url: string;

  /**
   * What events.
   * @example ["model.*", "job.ended"]
   */
  events: string[];

  @ApiProperty({
    description: 'A note for people.',
    type: String,
    nullable: true,
    example: 'promotions for the release channel',
  })
  description: string | null;

  /**
   * Whether events are sent.
   * @example true
   */
  enabled: boolean;

  @ApiProperty({
    description:
      'Why the service disabled it: `gone` where the receiver answered 410, `failing` where nothing could be delivered ' +
      'for days. Null while it is enabled, and where its tenant disabled it.',
    enum: ['gone', 'failing'],
    type: String,
    nullable: true,
    example: null,
  })
  disabled_reason: string | null;

  @ApiProperty({
    description: 'The first failure since a delivery last succeeded, UTC; null where there was none.',
    type: String,
    nullable: true,
    example: null,
  })
  failing_since: string | null;

  @ApiProperty({
    description: 'Until when deliveries are signed with the secret of before, too; null where they are not.',
    type: String,
    nullable: true,
    example: null,
  })
  previous_secret_until: string | null;

  /**
   * Who made it.
   * @example ana@acme-corp.example
   */
  created_by: string;

  /**
   * When it was made, UTC.
   * @example 2026-02-12T10:00:00.000Z
   */
  created_at: string;

  /**
   * When it was last changed, UTC; deliveries do not count.
   * @example 2026-02-12T10:00:00.000Z
   */
  updated_at: string;
}

export class WebhookWithSecretBody extends WebhookBody {
  @ApiProperty({
    description: 'The signing secret, this once; null in an answer that is replayed.',
    type: String,
    nullable: true,
    example: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD9s2vXhN4Rk0=',
  })
  secret: string | null;
}

export class WebhookPage {
  /** Webhooks, newest first. */
  data: WebhookBody[];

  /** Where the page stands. */
  page: PageInfo;
}

export class WebhookTestBody {
  /**
   * Whether the receiver answered with 2xx.
   * @example false
   */
  delivered: boolean;

  @ApiProperty({
    description: 'Status that it answered with; null where it did not.',
    type: 'integer',
    nullable: true,
    example: null,
  })
  status: number | null;

  @ApiProperty({
    description: 'Why there was no answer; null where there was one.',
    enum: FAILURES,
    type: String,
    nullable: true,
    example: 'timeout',
  })
  error: string | null;

  /**
   * How long it took, in seconds.
   * @example 15.002
   */
  duration_seconds: number;
}
