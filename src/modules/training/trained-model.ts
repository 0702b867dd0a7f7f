import type { SignatureDefinition } from '#libs/inference';
import type { Importance, ModelType } from '../models/model.entity.js';

export interface TrainedFile {
  name: string;
  size_bytes: number;
  sha256: string;
}

/** What a training returns: `training_result` of contracts/job-event.v1.schema.json. */
export interface TrainedModel {
  model_type: ModelType;
  files: {
    model: TrainedFile;
    core?: TrainedFile;
    baseline: TrainedFile;
    background: TrainedFile;
    card: TrainedFile;
    card_markdown: TrainedFile;
  };
  signature: SignatureDefinition;
  metrics: Record<string, number | null>;
  importance: Importance;
  parameters: Record<string, unknown>;
  data: Record<string, unknown>;
}
