import { ApiProperty } from '@nestjs/swagger';
import { type Destination, DESTINATIONS } from './push-request.js';

/** Documents the body, which the service checks itself. */
export class PushDto {
  /**
   * A view; name@v2 for one version of it.
   * @example customer_features
   */
  view: string;

  /**
   * Up to 1,000 rows: key columns, event_timestamp, created where the source tells it, expires where the view has such a
   * column, and every feature of the view, null for no value. Of a view with aggregations: columns of its source.
   * @example [{"customer_id": "cust-123", "event_timestamp": "2026-02-12T10:00:00Z", "total_orders": 16, "avg_order_value": 124.1, "days_since_last_order": 0}]
   */
  rows: Record<string, unknown>[];

  /**
   * Where the rows go. A view with aggregations takes them offline alone.
   * @example online_and_offline
   */
  @ApiProperty({ enum: DESTINATIONS, required: false })
  to?: Destination = DESTINATIONS[0];
}

export class PushedOnlineBody {
  /**
   * Rows of entities of which nothing was known.
   * @example 1
   */
  written: number;

  /**
   * Rows that took the place of an older or equally old one.
   * @example 0
   */
  replaced: number;

  /**
   * Rows that were left out, as a newer one is there.
   * @example 0
   */
  kept_newer: number;
}

export class PushedOfflineBody {
  /**
   * Rows that were not there.
   * @example 1
   */
  written: number;

  /**
   * Rows that took the place of one of the same entity and times with other values.
   * @example 0
   */
  replaced: number;

  /**
   * Rows that were there already.
   * @example 0
   */
  unchanged: number;
}

export class BrokenRule {
  /**
   * Index of the row in the request.
   * @example 3
   */
  row: number;

  /**
   * Its feature.
   * @example total_orders
   */
  feature: string;

  /**
   * The rule: not_null, between or in.
   * @example between
   */
  rule: string;

  @ApiProperty({ description: 'What would have fitted.', example: 'must be from 0 to 1000' })
  message: string;
}

export class PushBody {
  /**
   * The view.
   * @example customer_features
   */
  view: string;

  /**
   * Its version.
   * @example 1
   */
  version: number;

  /**
   * Rows that were taken: all but the quarantined ones.
   * @example 1
   */
  accepted: number;

  /** What became of them in the online store, where they went there. */
  online?: PushedOnlineBody;

  /** What became of them in the offline store, where they went there. */
  offline?: PushedOfflineBody;

  /** Rules that rows broke which were left out for it. */
  quarantined?: BrokenRule[];

  /** Rules that rows broke which were taken all the same. */
  warnings?: BrokenRule[];
}
