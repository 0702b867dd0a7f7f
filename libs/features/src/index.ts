export { FEATURE_TYPES, KEY_TYPES } from './feature-types.js';
export type { FeatureType, JsonValue, KeyColumn, KeyType } from './feature-types.js';
export { canonicalValue, describeValue, isWellFormed, UnfitValue } from './feature-value.js';
export { entityKeyParts, entityKeyReader, UnfitKey } from './entity-key.js';
export {
  CorruptValue,
  forgetAt,
  formatOnlineValue,
  isExpired,
  parseOnlineValue,
  ttlMicroseconds,
  valueAt,
} from './online-value.js';
export type { FeatureStatus, OnlineValue, ValueTimes } from './online-value.js';
export { formatMicroseconds, parseInstant, toMicroseconds } from './timestamp.js';
export type { Instant } from './timestamp.js';
