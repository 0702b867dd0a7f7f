export const FEATURE_TYPES = [
  'int64',
  'float64',
  'boolean',
  'string',
  'timestamp',
  'int64_list',
  'float64_list',
  'boolean_list',
  'string_list',
  'timestamp_list',
] as const;
export type FeatureType = (typeof FEATURE_TYPES)[number];

export const KEY_TYPES = ['string', 'int64'] as const;
export type KeyType = (typeof KEY_TYPES)[number];

/** A column of the key of an entity. */
export interface KeyColumn {
  readonly name: string;
  readonly type: KeyType;
}

/** A value of a feature as answers, logs and Redis hold it. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[];
