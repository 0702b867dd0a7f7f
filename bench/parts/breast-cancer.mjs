import { openAsBlob, readFileSync } from 'node:fs';
import { inRoot, TRAINER_PYTHON } from '../../scripts/parts/paths.mjs';
import { mustRun } from '../../scripts/parts/programs.mjs';
import { TENANT } from './stack.mjs';

/** Trains an estimator of scikit-learn on its breast cancer data; the model, and rows that it did not see. */
export async function trainOnBreastCancer({ client, stateDir }, model_name, hyperparameters) {
  const [parquet, holdout] = [`${stateDir}/cancer.parquet`, `${stateDir}/cancer.jsonl`];
  const make = ['-m', 'modelplane_trainer', 'demo-data', '--out', parquet];
  await mustRun(TRAINER_PYTHON, [...make, '--holdout', '20', '--holdout-out', holdout], 'No data was made', {
    env: { ...process.env, PYTHONPATH: inRoot('trainer', 'src') },
  });
  const key = `tenants/${TENANT}/cancer.parquet`;
  await client.send('PUT', `/api/v1/objects/${key}`, await openAsBlob(parquet));
  const { result } = await client.train(
    {
      model_name,
      framework: 'sklearn',
      data_config: { train_path: `s3://${key}`, target_column: 'benign' },
      hyperparameters,
    },
    { pollMs: 100 },
  );
  const rows = readFileSync(holdout, 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const { benign: _, ...features } = JSON.parse(line);
      return features;
    });
  return { ...result, rows };
}
