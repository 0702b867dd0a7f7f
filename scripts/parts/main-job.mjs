import { Blob } from 'node:buffer';
import { mkdirSync, openAsBlob, readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inRoot, TRAINER_PYTHON } from './paths.mjs';
import { Problem } from './problem.mjs';
import { mustRun } from './programs.mjs';

const MODEL = 'breast_cancer';
const TARGET = 'benign';
const DATA = 'data/breast_cancer.parquet';
const DATA_URI = `s3://${DATA}`;
const POLL_MS = 200;
const LONGEST_MS = 10 * 60_000;

export const TRAINING_REQUEST = {
  model_name: MODEL,
  framework: 'sklearn',
  data_config: { train_path: DATA_URI, target_column: TARGET },
  training_config: { early_stopping: true, patience: 5 },
  hyperparameters: {},
};

/**
 * What Modelplane is for, once, over HTTP as a tenant would do it: bring data, register a model, train it,
 * promote it, predict. A model that is already in production is only asked.
 * `worker` resolves when jobs are taken. Answers what the closing text shows.
 */
export async function runMainJob({ baseUrl, token, stateDir, steps, worker }) {
  const call = caller(baseUrl, token);
  const known = (await call('GET', `/api/v1/models?name=${MODEL}`)).data[0];
  const demo = await demoData(stateDir, steps);
  if (known?.stage === 'production') {
    steps.say(`  Model ${MODEL} ${known.current_version} is in production since an earlier start`);
    return predict({ call, steps, model: known, demo });
  }
  await steps.run(`Upload ${DATA_URI}`, async () =>
    call('PUT', `/api/v1/objects/${DATA}`, await openAsBlob(demo.parquet)),
  );
  const model =
    known ?? (await steps.run(`Register model ${MODEL}`, () => call('POST', '/api/v1/models', registration)));
  await worker;
  const { result } = await steps.run(`Train ${MODEL}`, (step) => train({ call, steps, step }));
  await steps.run(`Promote ${MODEL} ${result.version} to staging, then to production`, async () => {
    for (const target_stage of ['staging', 'production']) {
      await call('PUT', `/api/v1/models/${model.model_id}/stage`, { version: result.version, target_stage });
    }
  });
  return predict({ call, steps, model, demo });
}

const registration = {
  name: MODEL,
  description:
    'Tells benign from malignant tumours by 30 measurements of a cell image (a data set of scikit-learn).',
  model_type: 'classification',
  framework: 'sklearn',
  tags: { data: 'breast_cancer', purpose: 'demo' },
};

/** The data set and rows that training never sees, made by the trainer once. */
async function demoData(stateDir, steps) {
  const folder = path.join(stateDir, 'demo');
  const parquet = path.join(folder, 'breast_cancer.parquet');
  const holdout = path.join(folder, 'holdout.jsonl');
  const read = () => {
    const { [TARGET]: label, ...features } = JSON.parse(readFileSync(holdout, 'utf8').split('\n')[0]);
    return { parquet, label, features };
  };
  try {
    return read();
  } catch {
    // the first start
  }
  return steps.run('Demo data: breast cancer, from scikit-learn', async () => {
    mkdirSync(folder, { recursive: true });
    const unfinished = `${holdout}.part`;
    await mustRun(
      TRAINER_PYTHON,
      [
        '-m',
        'modelplane_trainer',
        'demo-data',
        '--out',
        parquet,
        '--holdout',
        '20',
        '--holdout-out',
        unfinished,
      ],
      'The demo data could not be made',
      { env: { ...process.env, PYTHONPATH: inRoot('trainer', 'src') } },
    );
    renameSync(unfinished, holdout);
    return read();
  });
}

async function train({ call, steps, step }) {
  const { job_id } = await call('POST', '/api/v1/training', TRAINING_REQUEST);
  let shown = '';
  for (const end = Date.now() + LONGEST_MS; Date.now() < end; await sleep(POLL_MS)) {
    const job = await call('GET', `/api/v1/training/${job_id}`);
    const text = progressOf(job);
    if (text !== shown) steps.say(`  ${job_id} ${text}`);
    shown = text;
    if (job.status === 'succeeded') {
      step.says(`Trained ${MODEL} ${job.result.version}${scores(job.metrics)}`);
      return job;
    }
    if (['failed', 'cancelled'].includes(job.status)) {
      throw new Problem(`Training ${job_id} ${job.status}: ${job.error?.message ?? 'no reason was given'}`);
    }
  }
  throw new Problem(`Training ${job_id} has not ended after ${LONGEST_MS / 60_000} minutes`);
}

function progressOf({ status, progress }) {
  if (status !== 'running' || !progress?.total_epochs) return status;
  const loss = progress.current_loss ?? null;
  return `running, epoch ${progress.current_epoch} of ${progress.total_epochs}${loss === null ? '' : `, loss ${round(loss)}`}`;
}

function scores(metrics = {}) {
  const shown = ['val_accuracy', 'val_roc_auc'].filter((name) => Number.isFinite(metrics[name]));
  return shown.length ? ` (${shown.map((name) => `${name} ${round(metrics[name])}`).join(', ')})` : '';
}

const round = (number) => Number(number.toFixed(4));

async function predict({ call, steps, model, demo }) {
  return steps.run('Predict a row that training never saw', async (step) => {
    const request = {
      model_id: model.model_id,
      features: demo.features,
      options: { return_probabilities: true },
    };
    const answer = await call('POST', '/api/v1/predictions', request);
    step.says(
      `Predicted ${TARGET}=${answer.prediction[0]} (true label ${demo.label}, confidence ${round(answer.confidence)})`,
    );
    return { request, answer, label: demo.label, target: TARGET };
  });
}

/** Calls the API; anything but a 2xx is a problem that carries the API's own explanation. */
function caller(baseUrl, token) {
  return async (method, target, body) => {
    const raw = body instanceof Blob;
    const response = await fetch(`${baseUrl}${target}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body && { 'content-type': raw ? 'application/octet-stream' : 'application/json' }),
      },
      body: raw ? body : body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Problem(`${method} ${target} answered ${response.status}`, text);
    return text ? JSON.parse(text) : null;
  };
}
