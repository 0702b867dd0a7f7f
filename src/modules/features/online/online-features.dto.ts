import type { FeatureStatus, JsonValue } from '#libs/features';

/** Documents the body, which the service checks itself. */
export class OnlineFeaturesDto {
  /**
   * Features, by their view; `view@v2:feature` reads a version of it. Either this or feature_service.
   * @example ["customer_features:total_orders", "customer_features:avg_order_value", "customer_features:days_since_last_order"]
   */
  feature_refs?: string[];

  /**
   * A feature service, whose features are answered under its own names.
   * @example churn
   */
  feature_service?: string;

  /**
   * The key columns of the entities, 1 to 1,000 rows; no others.
   * @example [{"customer_id": "cust-123"}, {"customer_id": "cust-456"}]
   */
  entity_rows: Record<string, unknown>[];

  /**
   * Whether a feature is called view__feature in the answer, for views that have features of the same name.
   * @example false
   */
  full_feature_names?: boolean;

  /**
   * Whether to tell of each value if it is PRESENT, NULL, MISSING or EXPIRED.
   * @example false
   */
  include_status?: boolean;

  /**
   * Whether to tell when what is known of an entity happened.
   * @example false
   */
  include_event_times?: boolean;
}

export class OnlineFeaturesBody {
  /**
   * One object an entity row, in their order: its columns, then the features. Whole numbers past 2^53 - 1 are texts.
   * @example [{"customer_id": "cust-123", "total_orders": 15, "avg_order_value": 125.5, "days_since_last_order": 12}]
   */
  results: Record<string, JsonValue>[];

  /**
   * One object an entity row: PRESENT; NULL, the value is null; MISSING, there is none; EXPIRED, its time to live is
   * over, and it is answered as null.
   * @example [{"total_orders": "PRESENT", "avg_order_value": "NULL", "days_since_last_order": "PRESENT"}]
   */
  statuses?: Record<string, FeatureStatus>[];

  /**
   * One object an entity row: by view, the event time of what is known; null where nothing is.
   * @example [{"customer_features": "2026-02-12T10:00:00.000000Z"}]
   */
  event_times?: Record<string, string | null>[];
}
