import type { SignatureDefinition } from '#libs/inference';
import type { MeasuredCertainty } from '../models/certainty/version-certainty.entity.js';
import type { Importance, ModelType, VersionFiles } from '../models/model.entity.js';

export interface TrainedFile {
  name: string;
  size_bytes: number;
  sha256: string;
}

/** What a training returns: `training_result` of contracts/job-event.v1.schema.json. */
export interface TrainedModel extends MeasuredCertainty {
  model_type: ModelType;
  /** Version of the library that fitted it. */
  framework_version: string;
  files: { [name in keyof VersionFiles]: TrainedFile };
  signature: SignatureDefinition;
  metrics: Record<string, number | null>;
  importance: Importance | null;
  parameters: Record<string, unknown>;
  data: Record<string, unknown>;
}
