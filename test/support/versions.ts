import { randomUUID } from 'node:crypto';
import type { TestDatabase } from './database.js';

export const SIGNATURE = {
  signature_version: 1,
  target: 'churned',
  inputs: [
    {
      name: 'total_orders',
      type: 'integer',
      tensor: 'total_orders',
      dtype: 'float32',
      nullable: false,
      categories: null,
    },
  ],
  ignored: [],
  output: {
    type: 'classification',
    labels: [0, 1],
    label_tensor: 'label',
    probabilities_tensor: 'probabilities',
  },
};

/** Writes a version that has an artifact, or fills the empty one of this number, without training anything. */
export async function fillVersion(
  database: TestDatabase,
  modelId: string,
  version: string,
  stage: 'development' | 'staging' | 'production' | 'archived' = 'development',
): Promise<void> {
  await database.query(
    `insert into model_versions (id, tenant_id, model_id, major, minor, patch, stage, artifact_sha256,
       artifact_size_bytes, signature, metrics, parameters, created_by, filled_at)
     select $1, tenant_id, id, $3, $4, $5, $6, $7, 1234, $8, '{"val_accuracy": 0.9}', '{"max_depth": 3}', 'ana', now()
     from models where id = $2
     on conflict (tenant_id, model_id, major, minor, patch) do update set stage = excluded.stage,
       artifact_sha256 = excluded.artifact_sha256, artifact_size_bytes = excluded.artifact_size_bytes,
       signature = excluded.signature, metrics = excluded.metrics, parameters = excluded.parameters,
       filled_at = excluded.filled_at`,
    [randomUUID(), modelId, ...version.split('.').map(Number), stage, 'ab'.repeat(32), SIGNATURE],
  );
  if (stage === 'production')
    await database.query('update models set had_production = true where id = $1', [modelId]);
}
