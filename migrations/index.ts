import { Jobs } from './0001-jobs.js';
import { Models } from './0002-models.js';
import { IdempotencyKeys } from './0003-idempotency-keys.js';
import { PredictionLog } from './0004-prediction-log.js';
import { Tasks } from './0005-tasks.js';
import { Outbox } from './0006-outbox.js';
import { ApiKeys } from './0007-api-keys.js';
import { Quotas } from './0008-quotas.js';
import { VersionCertainties } from './0009-version-certainties.js';
import { TuningTrials } from './0010-tuning-trials.js';
import { Features } from './0011-features.js';
import { Webhooks } from './0012-webhooks.js';

/** In the order in which they run. */
export const migrations = [
  Jobs,
  Models,
  IdempotencyKeys,
  PredictionLog,
  Tasks,
  Outbox,
  ApiKeys,
  Quotas,
  VersionCertainties,
  TuningTrials,
  Features,
  Webhooks,
];
