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
    `with filled as (
       insert into model_versions (id, tenant_id, model_id, major, minor, patch, stage, framework, signature, metrics,
         parameters, created_by, filled_at)
       select $1, tenant_id, id, $3, $4, $5, $6, framework, $7, '{"val_accuracy": 0.9}', '{"max_depth": 3}', 'ana', now()
       from models where id = $2
       on conflict (tenant_id, model_id, major, minor, patch) do update set stage = excluded.stage,
         signature = excluded.signature, metrics = excluded.metrics, parameters = excluded.parameters,
         filled_at = excluded.filled_at
       returning tenant_id, id)
     insert into version_files (tenant_id, version_id, name, sha256, size)
     select tenant_id, id, 'model', $8, 1234 from filled on conflict do nothing`,
    [randomUUID(), modelId, ...version.split('.').map(Number), stage, SIGNATURE, 'ab'.repeat(32)],
  );
  if (stage === 'production')
    await database.query('update models set had_production = true where id = $1', [modelId]);
}

/** Makes the versions of a model as they are without this file. */
export async function removeFile(database: TestDatabase, modelId: string, name: string): Promise<void> {
  await database.query(
    `delete from version_files where name = $2 and version_id in (select id from model_versions where model_id = $1)`,
    [modelId, name],
  );
}

/** Makes the versions of a model as they are where the encoding cannot be cut off. */
export async function removeCore(database: TestDatabase, modelId: string): Promise<void> {
  await removeFile(database, modelId, 'core');
  await database.query(`update model_versions set signature = signature - 'core' where model_id = $1`, [
    modelId,
  ]);
}
