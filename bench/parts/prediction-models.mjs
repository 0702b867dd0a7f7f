// The models of bench/predictions.mjs: each trained from data of its own by a job, as a caller would.
import { openAsBlob, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot, TRAINER_PYTHON } from '../../scripts/parts/paths.mjs';
import { mustRun } from '../../scripts/parts/programs.mjs';
import { TENANT } from './stack.mjs';

export const SETS = [
  {
    name: 'numeric',
    what: '30 numbers, gradient boosting of 100 trees',
    target: 'benign',
    estimator: 'gradient_boosting',
    make: (parquet, holdout) => [
      ...['-m', 'modelplane_trainer', 'demo-data', '--out', parquet],
      ...['--holdout', '20', '--holdout-out', holdout],
    ],
  },
  {
    name: 'mixed',
    what: '10 texts and 10 numbers, histogram gradient boosting',
    target: 'label',
    estimator: 'hist_gradient_boosting',
    make: (parquet, holdout) => [inRoot('bench', 'mixed_data.py'), parquet, holdout],
  },
];

/** Makes a set's data and answers the rows to be scored, as features by name. */
export async function makeData({ stateDir, client }, set) {
  const parquet = path.join(stateDir, `${set.name}.parquet`);
  const holdout = path.join(stateDir, `${set.name}.jsonl`);
  await mustRun(TRAINER_PYTHON, set.make(parquet, holdout), 'The data could not be made', {
    env: { ...process.env, PYTHONPATH: inRoot('trainer', 'src') },
  });
  await client.send('PUT', `/api/v1/objects/${dataOf(set)}`, await openAsBlob(parquet));
  const lines = readFileSync(holdout, 'utf8').trim().split('\n');
  return lines.map((line) => {
    const features = JSON.parse(line);
    delete features[set.target];
    return features;
  });
}

/** Trains and promotes; answers the model's id, its version and signature, and the files of its whole graph and of its core. */
export async function trainModel({ client, stateDir }, set) {
  const request = {
    model_name: `bench-${set.name}`,
    framework: 'sklearn',
    data_config: { train_path: `s3://${dataOf(set)}`, target_column: set.target },
    hyperparameters: { estimator: set.estimator },
  };
  const before = new Set(artifactsOf(stateDir));
  const { result } = await client.train(request, { pollMs: 100 });
  for (const target_stage of ['staging', 'production']) {
    await client.send('PUT', `/api/v1/models/${result.model_id}/stage`, {
      version: result.version,
      target_stage,
    });
  }
  const version = await client.send('GET', `/api/v1/models/${result.model_id}/versions/${result.version}`);
  const whole = path.join(artifactFolder(stateDir), version.artifact.sha256);
  const [core] = artifactsOf(stateDir).filter((file) => !before.has(file) && file !== whole && isGraph(file));
  const { model_id } = result;
  return { model_id, version: result.version, signature: version.signature, files: { whole, core } };
}

function dataOf({ name }) {
  return `tenants/${TENANT}/${name}.parquet`;
}

function artifactFolder(stateDir) {
  return path.join(stateDir, 'objects', 'modelplane', TENANT, 'artifacts');
}

function artifactsOf(stateDir) {
  try {
    return readdirSync(artifactFolder(stateDir)).map((name) => path.join(artifactFolder(stateDir), name));
  } catch {
    return []; // nothing has been published yet
  }
}

/** The other files of a version are JSON and Markdown; a model begins with the field ir_version. */
function isGraph(file) {
  return readFileSync(file)[0] === 0x08;
}
