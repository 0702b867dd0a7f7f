import type { Client } from './client.js';
import { makeData } from './data.js';

/** A row that the model of `trainChurn` takes, as in the API document. */
export const FEATURES = {
  total_orders: 15,
  days_since_last_order: 45,
  avg_order_value: 125.5,
  support_tickets: 3,
};

/** Trains a small model; its id. */
export async function trainChurn(client: Client, name = 'churn', more: object = {}): Promise<string> {
  const { 'train.parquet': train } = await makeData('train.parquet');
  await client.put('/api/v1/objects/data/train.parquet', train);
  const { body } = await client.post('/api/v1/training', {
    model_name: name,
    framework: 'sklearn',
    data_config: { train_path: 's3://data/train.parquet', target_column: 'churned', ...more },
    hyperparameters: { estimator: 'logistic_regression' },
  });
  const job = await client.waitForJob(`/api/v1/training/${body.job_id}`);
  return job.body.result.model_id;
}
