import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './support/client.js';
import { python } from './support/data.js';
import { WorkerProcess } from './support/processes.js';
import type { Service } from './support/service.js';
import { SEED_STUDY } from './support/studies.js';
import { startWithModels } from './support/trained-models.js';

const DATA = { train_path: 's3://data/train.parquet', target_column: 'churned' };

/** Trials of some tenths of a second, so that something is left to disturb. */
const STUDY = {
  model_name: 'tuned',
  data_config: DATA,
  training_config: { importance: 'none' },
  search_space: {
    n_estimators: { type: 'randint', min: 60, max: 160 },
    max_depth: { type: 'randint', min: 2, max: 6 },
    learning_rate: { type: 'loguniform', min: 0.01, max: 0.3 },
    min_samples_split: { type: 'choice', values: [2, 5, 10] },
  },
  objective_metric: 'val_roc_auc',
  num_trials: 24,
  max_concurrent_trials: 2,
  top_k: 2,
};

/** Trials of some hundredths of a second. */
const QUICK = {
  ...{ model_name: 'quick', data_config: DATA, training_config: { importance: 'none' } },
  ...{ estimator: 'logistic_regression', autotune: true, num_trials: 6 },
};

interface Trial {
  number: number;
  state: string;
  parameters: Record<string, unknown>;
  value?: number | null;
  values?: number[] | null;
  started_at: string;
}

describe('a study', () => {
  let service: Service;
  let acme: Client;
  let worker: WorkerProcess;
  /** Trials of STUDY that nobody disturbed. */
  let reference: object[];

  beforeAll(async () => {
    const env = { MODELPLANE_JOBS_LEASE_SECONDS: '2', MODELPLANE_JOBS_RECONCILE_SECONDS: '1' };
    ({ service } = await startWithModels({ env }));
    acme = await service.as('acme-corp', 'scientist');
    worker = await WorkerProcess.start(service);
  });
  afterAll(async () => {
    await worker?.kill('SIGTERM');
    await service?.stop();
  });

  async function submit(request: object): Promise<string> {
    const { status, body } = await acme.post('/api/v1/tuning', request);
    expect({ status, body }).toMatchObject({ status: 202, body: { status: 'submitted' } });
    return `/api/v1/tuning/${body.job_id}`;
  }
  const ended = async (path: string) => (await acme.waitForJob(path, 110_000)).body;
  const trialsOf = async (path: string): Promise<Trial[]> =>
    (await acme.get(`${path}/trials?limit=200`)).body.data;
  /** What the same request has to repeat. */
  const outcomesOf = async (path: string) =>
    (await trialsOf(path)).map(({ number, state, parameters, value }) => ({
      number,
      state,
      parameters,
      value,
    }));
  async function untilEnded(path: string, trials: number): Promise<void> {
    for (let tries = 0; tries < 2000; tries++) {
      const { body } = await acme.get(path);
      if (body.ended_at) throw new Error(`it has ended: ${JSON.stringify(body)}`);
      if (body.trials.succeeded >= trials) return;
      await sleep(50);
    }
    throw new Error(`never were ${trials} trials ended`);
  }

  it('should search as the API document asks, on the data of the last training', async () => {
    const training = await acme.post('/api/v1/training', {
      ...{ model_name: 'customer_churn_v2', framework: 'sklearn', data_config: DATA },
      hyperparameters: { estimator: 'logistic_regression' },
    });
    await acme.waitForJob(`/api/v1/training/${training.body.job_id}`);
    const submitted = await acme.post('/api/v1/tuning', SEED_STUDY);
    expect(submitted).toMatchObject({
      status: 202,
      body: { status: 'submitted', model_name: 'customer_churn_v2' },
    });
    expect(submitted.body.warnings.join()).toContain(training.body.job_id);
    const path = `/api/v1/tuning/${submitted.body.job_id}`;
    await untilEnded(path, 2);
    const { body } = await acme.get(path);
    expect(body).toMatchObject({
      status: 'running',
      phase: 'searching',
      estimator: 'gradient_boosting',
      best: { number: expect.any(Number), value: expect.any(Number), parameters: expect.any(Object) },
      estimated_completion: expect.any(String),
      metrics: { val_accuracy: body.best.value },
    });
    const { number, value } = body.best;
    expect(body.history.at(-1)).toEqual({ number, value });
    for (const { parameters } of await trialsOf(path)) {
      expect(parameters).toEqual({
        n_estimators: expect.any(Number),
        max_depth: expect.any(Number),
        learning_rate: expect.any(Number),
        min_samples_split: expect.any(Number),
      });
      expect(SEED_STUDY.search_space.n_estimators.values).toContain(parameters.n_estimators);
      expect(SEED_STUDY.search_space.min_samples_split.values).toContain(parameters.min_samples_split);
      expect(parameters.max_depth).toBeGreaterThanOrEqual(3);
      expect(parameters.max_depth).toBeLessThan(20);
    }

    expect((await acme.delete(path)).body).toMatchObject({ cancel_requested: true });
    const cancelled = await ended(path);
    expect(cancelled).toMatchObject({ status: 'cancelled', trials: { running: 0 }, result: null });
    const states = new Set((await trialsOf(path)).map(({ state }) => state));
    expect(states).toEqual(new Set(['succeeded']));
  });

  it('should make versions of its best trials, the best as the newest', async () => {
    const path = await submit(STUDY);
    const body = await ended(path);
    reference = await outcomesOf(path);
    expect(reference).toHaveLength(24);
    const trials = (await trialsOf(path)).sort((a, b) => b.value! - a.value! || a.number - b.number);
    const [best, second] = trials as [Trial, Trial];
    expect(body).toMatchObject({
      status: 'succeeded',
      error: null,
      warnings: [],
      trials: { running: 0, succeeded: 24, pruned: 0, failed: 0 },
      best: { number: best.number, value: best.value, parameters: best.parameters },
      result: {
        version: '1.1.0',
        versions: [
          { number: best.number, version: '1.1.0' },
          { number: second.number, version: '1.0.0' },
        ],
        ...{ stopped_by: 'num_trials', pareto_front: null, parents: [] },
      },
    });
    expect(body.history.at(-1)).toEqual({ number: best.number, value: best.value });
    const [{ metric, parameters }] = body.result.importance;
    expect(metric).toBe('val_roc_auc');
    expect(parameters.map(({ name }: { name: string }) => name).sort()).toEqual(
      Object.keys(STUDY.search_space).sort(),
    );

    const version = (await acme.get(`/api/v1/models/${body.result.model_id}/versions/1.1.0`)).body;
    expect(version).toMatchObject({
      ready: true,
      parameters: { estimator: 'gradient_boosting', ...best.parameters },
      metrics: body.metrics,
      lineage: { job_id: body.job_id, data: { ...DATA, trial: best.number } },
    });
    expect(version.metrics.val_roc_auc).toBeCloseTo(best.value!, 5);
  });

  it('should write all trials as one file, which its tenant can read', async () => {
    const { data } = (await acme.get('/api/v1/tuning?model_name=tuned')).body;
    const path = `/api/v1/tuning/${data[0].job_id}`;
    const { body } = await acme.get(`${path}/trials?format=parquet`);
    expect(body).toEqual({
      uri: `s3://tenants/acme-corp/tuning/${data[0].job_id}/trials.parquet`,
      size_bytes: expect.any(Number),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const file = `${service.stateDir}/objects/${body.uri.slice('s3://'.length)}`;
    const program =
      'import pandas as pd, sys; print(pd.read_parquet(sys.argv[1])[["number", "value"]].to_json(orient="values"))';
    const rows = JSON.parse(await python(['-c', program, file]));
    const trials = await trialsOf(path);
    expect(rows).toHaveLength(trials.length);
    for (const [at, [number, value]] of rows.entries()) {
      expect(number).toBe(trials[at]!.number);
      expect(value).toBeCloseTo(trials[at]!.value!, 9);
    }
    const events = await service.database.query<{ data: { trial: Trial } }>(
      `select data from job_events where job_id = $1 and type = 'trial' order by attempt, seq`,
      [data[0].job_id],
    );
    const told = events.filter((each) => each.data.trial.state === 'succeeded');
    expect(told.map((each) => each.data.trial.number).sort((a, b) => a - b)).toEqual(
      trials.map(({ number }) => number),
    );
  });

  it('should leave nothing of its attempts and its journal behind', async () => {
    const { data } = (await acme.get('/api/v1/tuning?model_name=tuned')).body;
    const folder = `${service.stateDir}/objects/modelplane/acme-corp/jobs/${data[0].job_id}`;
    const filesOf = () => readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
    // It is cleared away a moment after the study has ended.
    while ((await filesOf()).some((entry) => entry.isFile())) await sleep(50);
  });

  it('should have the same trials after two kills of its worker, one at a time', async () => {
    const path = await submit({ ...STUDY, max_concurrent_trials: 1 });
    for (const trials of [2, 8]) {
      await untilEnded(path, trials);
      await worker.kill('SIGKILL');
      worker = await WorkerProcess.start(service);
    }
    const body = await ended(path);
    expect(body).toMatchObject({
      status: 'succeeded',
      attempt: 3,
      trials: { running: 0, succeeded: 24 },
      result: { versions: [{ version: '1.3.0' }, { version: '1.2.0' }] },
    });
    expect(await outcomesOf(path)).toEqual(reference);
  });

  it('should keep its trials while it is paused, and go on with more of them', async () => {
    const path = await submit({ ...STUDY, num_trials: 20 });
    await untilEnded(path, 2);
    await acme.post(`${path}/pause`);
    for (let tries = 0; (await acme.get(path)).body.status !== 'paused'; tries++) {
      if (tries > 400) throw new Error('it was never paused');
      await sleep(50);
    }
    const before = await trialsOf(path);
    expect(new Set(before.map(({ state }) => state))).toEqual(new Set(['succeeded']));
    expect((await acme.get(path)).body.trials).toMatchObject({ running: 0 });
    await acme.post(`${path}/trials`, { add_trials: 4 });
    await acme.post(`${path}/resume`);
    expect(await ended(path)).toMatchObject({ status: 'succeeded', attempt: 2, num_trials: 24 });
    const after = await trialsOf(path);
    expect(await outcomesOf(path)).toEqual(reference);
    const kept = new Set(before.map(({ number }) => number));
    expect(after.filter(({ number }) => kept.has(number))).toEqual(before);
  });

  it('should go on where it is given more trials while it runs', async () => {
    const path = await submit({ ...STUDY, num_trials: 20 });
    await untilEnded(path, 2);
    expect((await acme.post(`${path}/trials`, { add_trials: 4 })).body).toMatchObject({ num_trials: 24 });
    expect(await ended(path)).toMatchObject({ status: 'succeeded', num_trials: 24 });
    expect(await outcomesOf(path)).toEqual(reference);
  });

  it('should have a front of several objectives', async () => {
    const objectives = [{ metric: 'val_roc_auc' }, { metric: 'val_calibration_error' }];
    const path = await submit({ ...QUICK, objectives });
    const body = await ended(path);
    expect(body).toMatchObject({
      status: 'succeeded',
      best: null,
      history: [],
      objectives: [
        { metric: 'val_roc_auc', mode: 'max' },
        { metric: 'val_calibration_error', mode: 'min' },
      ],
    });
    const trials = await trialsOf(path);
    expect(trials[0]).not.toHaveProperty('value');
    const beats = (one: Trial, other: Trial) =>
      one.values![0]! >= other.values![0]! &&
      one.values![1]! <= other.values![1]! &&
      (one.values![0] !== other.values![0] || one.values![1] !== other.values![1]);
    const front = trials.filter((trial) => !trials.some((other) => beats(other, trial)));
    expect([...body.result.pareto_front].sort((a, b) => a - b)).toEqual(front.map(({ number }) => number));
    expect(front.map(({ number }) => number)).toContain(body.result.versions[0].number);
  });

  it('should say so where no trial keeps the constraints', async () => {
    const constraints = [{ metric: 'artifact_bytes', at_most: 1 }];
    const body = await ended(
      await submit({ ...QUICK, num_trials: 2, objective_metric: 'val_f1', constraints }),
    );
    expect(body).toMatchObject({
      status: 'succeeded',
      best: null,
      result: { model_id: null, version: null, versions: [] },
    });
    expect(body.warnings.join()).toMatch(/no model was trained/);
  });

  it('should begin with what it is given, and learn from another', async () => {
    const initial_trials = [{ C: 0.5, class_weight: 'balanced' }];
    const first = await submit({ ...QUICK, objective_metric: 'val_f1', initial_trials });
    await ended(first);
    const [trial] = (await acme.get(`${first}/trials?limit=1`)).body.data;
    expect(trial).toMatchObject({ number: 0, origin: 'initial', parameters: initial_trials[0] });
    const parent = first.slice('/api/v1/tuning/'.length);
    const body = await ended(await submit({ ...QUICK, objective_metric: 'val_f1', parents: [parent] }));
    expect(body).toMatchObject({
      status: 'succeeded',
      result: { parents: [{ job_id: parent, trials: 6, used: 6 }] },
    });
  });

  it('should fail where its data cannot be read', async () => {
    const data_config = { ...DATA, target_column: 'chruned' };
    const body = await ended(await submit({ ...QUICK, objective_metric: 'val_f1', data_config }));
    expect(body).toMatchObject({ status: 'failed', error: { code: 'COLUMN_NOT_FOUND' }, result: null });
  });
});
