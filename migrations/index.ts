import { Jobs } from './0001-jobs.js';
import { Models } from './0002-models.js';
import { JobTraces } from './0020-job-traces.js';
import { IdempotencyKeys } from './0021-idempotency-keys.js';
import { VersionOrigin } from './0030-version-origin.js';
import { ModelCards } from './0040-model-cards.js';
import { OwnerAccess } from './0050-owner-access.js';
import { BatchOutput } from './0070-batch-output.js';
import { PredictionLog } from './0080-prediction-log.js';
import { PredictionJobs } from './0081-prediction-jobs.js';
import { ModelCores } from './0090-model-cores.js';
import { ExplanationBackgrounds } from './0091-explanation-backgrounds.js';
import { LoggedBatches } from './0093-logged-batches.js';

/** In the order in which they run. */
export const migrations = [
  Jobs,
  Models,
  JobTraces,
  IdempotencyKeys,
  VersionOrigin,
  ModelCards,
  OwnerAccess,
  BatchOutput,
  PredictionLog,
  PredictionJobs,
  ModelCores,
  ExplanationBackgrounds,
  LoggedBatches,
];
