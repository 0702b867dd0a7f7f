import { Blob } from 'node:buffer';
import { Client } from '../../bench/parts/client.mjs';
import { rowOf, table } from '../../bench/neighbours/scene.mjs';

/** So many of each kind: what a case deletes is missing to those after it. */
const COUNT = 8;
const DATA = 's3://tenants/fuzz/points.csv';

/**
 * Makes models, ensembles, jobs of every kind, schedules, keys, objects and logged predictions, as their tenant does.
 * @returns a list of `[part of the paths, name of their parameter, values]`
 */
export async function makeThings({ url, token }) {
  const client = new Client(url, token);
  const post = (path, body) => client.send('POST', `/api/v1${path}`, body);
  const many = (make) => Promise.all(Array.from({ length: COUNT }, (_, at) => make(at)));
  const jobs = (submit) => many(async (at) => (await submit(at)).job_id);

  const objects = await many(async (at) => {
    const key = at === 0 ? 'tenants/fuzz/points.csv' : `tenants/fuzz/points-${at}.csv`;
    await client.send('PUT', `/api/v1/objects/${key}`, new Blob([table(200)]));
    return key;
  });
  const trainings = await many((at) =>
    client.train(
      {
        model_name: `model-${at}`,
        framework: 'sklearn',
        data_config: { train_path: DATA, target_column: 'y' },
        hyperparameters: { estimator: 'logistic_regression' },
      },
      { pollMs: 200 },
    ),
  );
  const models = trainings.map(({ result }) => result.model_id);
  const ensembles = await many(async (at) => {
    const members = [models[at], models[(at + 1) % COUNT]];
    const body = {
      name: `ensemble-${at}`,
      method: 'voting_soft',
      models: members.map((model_id) => ({ model_id })),
    };
    return (await post('/ensembles', body)).ensemble_id;
  });
  const requests = await many(
    async (at) => (await post('/predictions', { model_id: models[at], features: rowOf(at) })).request_id,
  );
  const schedules = await many(async (at) => {
    const request = {
      kind: 'batch',
      cron: '0 3 * * *',
      name: `schedule-${at}`,
      request: batch(models[at], `nightly-${at}`),
    };
    return (await post('/schedules', request)).schedule_id;
  });
  const keys = await many(
    async (at) => (await post('/api-keys', { name: `key-${at}`, roles: ['predictor'] })).key_id,
  );
  const labelled = { data_config: { validation_path: DATA, target_column: 'y' } };
  const calibrations = await jobs((at) =>
    post(`/models/${ensembles[at]}/versions/1.0.0/calibration`, labelled),
  );
  const fits = await jobs((at) => post(`/ensembles/${ensembles[at]}/fit`, { method: 'greedy', ...labelled }));
  const studies = await jobs((at) =>
    post('/tuning', {
      model_name: `model-${at}`,
      autotune: true,
      objective_metric: 'val_loss',
      num_trials: 2,
    }),
  );
  const later = await jobs((at) => post('/predictions/async', { model_id: models[at], features: rowOf(at) }));
  const batches = await jobs((at) => post('/predictions/batch', batch(models[at], `scores-${at}`)));
  const exports = await jobs((at) =>
    post(`/models/${models[at]}/predictions/export`, { output_path: `s3://tenants/fuzz/log-${at}.jsonl.gz` }),
  );
  return [
    ['/versions/', 'version', ['1.0.0']],
    ['/models/', 'model_id', models],
    ['/ensembles/', 'ensemble_id', ensembles],
    ['/objects/', 'path', objects],
    ['/predictions/{request_id}', 'request_id', requests],
    ['/schedules/', 'schedule_id', schedules],
    ['/api-keys/', 'key_id', keys],
    ['/(training|jobs)/', 'job_id', trainings.map(({ job_id }) => job_id)],
    ['/calibrations/', 'job_id', calibrations],
    ['/ensemble-fits/', 'job_id', fits],
    ['/tuning/', 'job_id', studies],
    ['/predictions/async/', 'job_id', later],
    ['/predictions/batch/', 'job_id', batches],
    ['/predictions/exports/', 'job_id', exports],
  ];
}

const batch = (model_id, name) => ({
  model_id,
  input_path: DATA,
  output_path: `s3://tenants/fuzz/${name}/`,
});
