import type { JobReport, TrialReport } from '#libs/compute';
import { Database } from '../src/platform/database/database.js';
import { JobClaimsRepository } from '../src/platform/jobs/job-claims.repository.js';
import { TrialsService } from '../src/modules/tuning/trials/trials.service.js';
import type { Answer, Client } from './support/client.js';
import type { Service } from './support/service.js';
import { SEED_STUDY } from './support/studies.js';
import { startWithModels } from './support/trained-models.js';

/** Of a model that has been trained. */
const SEED = { ...SEED_STUDY, model_name: 'churn' };

const SPACE = { max_depth: { type: 'randint', min: 3, max: 20 } };
const DATA = { train_path: 's3://data/train.parquet', target_column: 'churned' };

/** Requests for studies, and what is kept of their trials, where no worker runs them. */
describe('a request for a study', () => {
  let service: Service;
  let acme: Client;

  beforeAll(async () => {
    ({ service } = await startWithModels());
    acme = await service.as('acme-corp', 'scientist');
  });
  afterAll(() => service?.stop());

  const submit = (request: object) => acme.post('/api/v1/tuning', request);
  const understood = async ({ status, body }: Answer) => {
    expect({ status, body }).toMatchObject({ status: 202, body: { status: 'submitted' } });
    return (await acme.get(`/api/v1/tuning/${body.job_id}`)).body;
  };

  describe('without data_config', () => {
    it('should search on the data of the last training of the model, and say so', async () => {
      const { data } = (await acme.get('/api/v1/training?model_name=churn')).body;
      const submitted = await submit(SEED);
      expect(submitted.status).toBe(202);
      const warning = `data_config is missing: the data of the training job ${data[0].job_id}, the last of this model, is searched on (s3://data/train.parquet, target churned).`;
      expect(submitted.body).toEqual({
        job_id: expect.stringMatching(/^tune-[0-9a-f-]{36}$/),
        status: 'submitted',
        model_name: 'churn',
        warnings: [warning],
      });
      const body = await understood(submitted);
      expect(body).toMatchObject({
        job_id: submitted.body.job_id,
        status: 'submitted',
        framework: 'sklearn',
        estimator: 'gradient_boosting',
        algorithm: 'bayesian',
        objectives: [{ metric: 'val_accuracy', mode: 'max' }],
        num_trials: 50,
        trials: { running: 0, succeeded: 0, pruned: 0, failed: 0 },
        phase: null,
        best: null,
        history: [],
        estimated_completion: null,
        result: null,
        warnings: [warning],
      });
      expect(body.request).toMatchObject({
        model_name: 'churn',
        model_type: 'classification',
        data_config: { ...DATA, validation_share: 0.2 },
        training_config: { seed: 0 },
        fixed_parameters: {},
        search_space: SEED.search_space,
        ...{ pruner: 'none', max_concurrent_trials: 4, seed: 0, deterministic: true, lag: 4 },
        ...{ max_failed_share: 0.5, top_k: 1, refit_on: 'train' },
      });
      const again = await understood(await submit(body.request));
      expect({ request: again.request, warnings: again.warnings }).toEqual({
        request: body.request,
        warnings: [],
      });
      const listed = (await acme.get('/api/v1/tuning?model_name=churn&status=submitted')).body.data;
      expect(listed.map(({ job_id }: { job_id: string }) => job_id)).toContain(submitted.body.job_id);
      expect((await acme.get('/api/v1/tuning?model_name=recency')).body.data).toEqual([]);
    });

    it('should take the estimator of that training where it has the hyperparameters', async () => {
      const space = { n_estimators: { type: 'randint', min: 10, max: 20 } };
      const body = await understood(
        await submit({ ...SEED, model_name: 'churnOfForest', search_space: space }),
      );
      expect(body.estimator).toBe('random_forest');
    });

    it.each(['customer_churn_v2', 'never_heard_of'])(
      'should be refused where %s was never trained',
      async (name) => {
        const { status, body } = await submit({ ...SEED, model_name: name });
        expect({ status, code: body.code }).toEqual({ status: 422, code: 'VALIDATION_ERROR' });
        expect(body.errors).toEqual([
          {
            pointer: '/data_config',
            message: `is missing, and the model ${name} has no training job that has not failed, whose data could be taken`,
          },
        ]);
      },
    );

    it('should be refused where only another tenant has trained it', async () => {
      const globex = await service.as('globex', 'scientist');
      const { status, body } = await globex.post('/api/v1/tuning', SEED);
      expect({ status, pointer: body.errors?.[0].pointer }).toEqual({ status: 422, pointer: '/data_config' });
    });
  });

  it('should take the default space of an estimator less what is fixed', async () => {
    const request = {
      ...{ model_name: 'fresh', data_config: DATA, autotune: true, objective_metric: 'val_roc_auc' },
      ...{ framework: 'lightgbm', fixed_parameters: { num_leaves: 15 } },
    };
    const { request: body, estimator, warnings } = await understood(await submit(request));
    expect({ estimator, warnings }).toEqual({ estimator: 'lightgbm', warnings: [] });
    expect(Object.keys(body.search_space)).toContain('min_child_samples');
    expect(Object.keys(body.search_space)).not.toContain('num_leaves');
    expect(body).toMatchObject({
      objectives: [{ metric: 'val_roc_auc', mode: 'max' }],
      fixed_parameters: { num_leaves: 15 },
    });
  });

  it('should warn where the worst is searched for, and of what no seed can repeat', async () => {
    const request = {
      ...{ ...SEED, data_config: DATA, objective_metric: 'val_loss', mode: 'max', algorithm: 'cmaes' },
      constraints: [{ metric: 'latency_ms_p99', at_most: 2 }],
    };
    const { warnings } = (await submit(request)).body;
    expect(warnings).toEqual([
      'mode is max, but val_loss is better the smaller it is: the worst trial is searched for.',
      expect.stringMatching(/^latency_ms_p99 differs from run to run/),
      'cmaes searches numbers only: min_samples_split, n_estimators are drawn at random.',
    ]);
  });

  it('should try all points of a grid, those of conditions where these hold', async () => {
    const search_space = {
      bootstrap: { type: 'choice', values: [true, false] },
      max_samples: { type: 'quniform', min: 0.1, max: 0.5, q: 0.2, when: { bootstrap: true } },
      n_estimators: { type: 'randint', min: 10, max: 12 },
    };
    const request = { ...SEED, data_config: DATA, search_space, algorithm: 'grid', num_trials: undefined };
    expect(await understood(await submit(request))).toMatchObject({
      estimator: 'random_forest',
      num_trials: 8,
    });
  });

  it('should be repeated with changes', async () => {
    const { body: first } = await submit({ ...SEED, data_config: DATA });
    const rerun = await acme.post(`/api/v1/tuning/${first.job_id}/rerun`, {
      algorithm: 'random',
      search_space: { max_depth: { max: 9 }, n_estimators: null },
    });
    expect(rerun.body).toMatchObject({ status: 'submitted', rerun_of: first.job_id });
    const { request } = await understood(rerun);
    expect(request).toMatchObject({ algorithm: 'random', search_space: { max_depth: { min: 3, max: 9 } } });
    expect(request.search_space).not.toHaveProperty('n_estimators');
  });

  it.each<[string, object, string, RegExp]>([
    ['no space', { search_space: undefined }, '/search_space', /or autotune: true/],
    ['a space beside autotune', { autotune: true }, '/autotune', /beside a search_space/],
    ['a space that is a list', { search_space: [] }, '/search_space', /must be an object/],
    ['null for a space', { search_space: null }, '/search_space', /must be an object/],
    ['no objective', { objective_metric: undefined }, '/objective_metric', /must be given/],
    [
      'objectives beside one',
      { objectives: [{ metric: 'val_f1' }] },
      '/objective_metric',
      /beside objectives/,
    ],
    [
      'a mode beside objectives',
      { objective_metric: undefined, objectives: [{ metric: 'val_f1' }] },
      '/mode',
      /beside objectives/,
    ],
    ['an unknown mode', { mode: 'best' }, '/mode', /min, max/],
    ['an unknown algorithm', { algorithm: 'annealing' }, '/algorithm', /bayesian/],
    ['no trials', { num_trials: 0 }, '/num_trials', /not be less than 1/],
    ['too many trials', { num_trials: 10_001 }, '/num_trials', /not be greater than 10000/],
    ['a number of trials that is none', { num_trials: '50' }, '/num_trials', /integer/],
    ['no minutes', { max_minutes: 0 }, '/max_minutes', /positive/],
    ['a share of more than all', { max_failed_share: 1.1 }, '/max_failed_share', /greater than 1/],
    ['one fold', { cv_folds: 1 }, '/cv_folds', /less than 2/],
    [
      'a constraint without a bound',
      { constraints: [{ metric: 'val_f1' }] },
      '/constraints/0',
      /one of at_most and at_least/,
    ],
    [
      'a constraint of two bounds',
      { constraints: [{ metric: 'val_f1', at_most: 1, at_least: 0 }] },
      '/constraints/0',
      /one of at_most and at_least/,
    ],
    ['the same parent twice', { parents: ['tune-1', 'tune-1'] }, '/parents', /unique/],
    ['six parents', { parents: ['a', 'b', 'c', 'd', 'e', 'f'] }, '/parents', /more than 5/],
    ['an unknown field', { serach_space: {} }, '/serach_space', /is not a known field/],
  ])('should be refused with 400 for %s', async (_, change, pointer, message) => {
    const { status, body } = await submit({ ...SEED, data_config: DATA, ...change });
    expect({ status, code: body.code }).toEqual({ status: 400, code: 'INVALID_REQUEST' });
    expect(body.errors).toContainEqual({ pointer, message: expect.stringMatching(message) });
  });

  const noPoints = { search_space: { ...SPACE, learning_rate: { type: 'uniform', min: 0.1, max: 1 } } };
  const manyPoints = {
    search_space: {
      max_depth: { type: 'randint', min: 1, max: 102 },
      n_estimators: { type: 'randint', min: 1, max: 102 },
      criterion: undefined,
    },
  };
  const twoMetrics = {
    ...{ objective_metric: undefined, mode: undefined },
    objectives: [{ metric: 'val_f1' }, { metric: 'artifact_bytes' }],
  };
  it.each<[string, object, [string, RegExp][]]>([
    [
      'hyperparameters, bounds and values that the estimator does not have',
      {
        search_space: {
          max_dept: { type: 'randint', min: 3, max: 20 },
          learning_rate: { type: 'loguniform', min: 0, max: 0.1 },
          n_estimators: { type: 'choice', values: [] },
          min_samples_split: { type: 'choice', values: [2, 1] },
          subsample: { type: 'uniform', min: 1, max: 0.5 },
        },
      },
      [
        ['/search_space/learning_rate/min', /must be more than 0/],
        ['/search_space/max_dept', /did you mean max_depth/],
        ['/search_space/min_samples_split/values/1', /min_samples_split is 1; it must be/],
        ['/search_space/n_estimators/values', /at least one value/],
        ['/search_space/subsample/max', /must be more than min/],
      ],
    ],
    [
      'what is fixed and searched',
      { fixed_parameters: { max_depth: 3 } },
      [['/fixed_parameters/max_depth', /searched, too/]],
    ],
    [
      'what cannot be fixed',
      { fixed_parameters: { subsample: 2, sub_sample: 1 } },
      [
        ['/fixed_parameters/subsample', /must be number/],
        ['/fixed_parameters/sub_sample', /did you mean subsample/],
      ],
    ],
    ['an unknown estimator', { estimator: 'svm' }, [['/estimator', /must be one of/]]],
    [
      'an estimator of another type',
      { estimator: 'lasso', model_type: 'classification' },
      [['/estimator', /does not do classification/]],
    ],
    [
      'an unknown metric',
      { objective_metric: 'val_acuracy' },
      [['/objective_metric', /did you mean val_accuracy/]],
    ],
    [
      'a metric of another type',
      { objective_metric: 'val_rmse', model_type: 'classification' },
      [['/objective_metric', /no metric of a classification/]],
    ],
    [
      'an unknown metric of a constraint',
      { constraints: [{ metric: 'latency', at_most: 1 }] },
      [['/constraints/0/metric', /no metric/]],
    ],
    [
      'a grid of what has no points',
      { ...noPoints, algorithm: 'grid' },
      [['/search_space/learning_rate/type', /no points of uniform/]],
    ],
    [
      'a grid without end',
      { ...manyPoints, algorithm: 'grid' },
      [['/search_space', /more than 10000 points/]],
    ],
    ['folds that wilcoxon needs', { pruner: 'wilcoxon' }, [['/pruner', /needs cv_folds/]]],
    ['hyperband without asha', { algorithm: 'hyperband', pruner: 'median' }, [['/pruner', /must be asha/]]],
    [
      'several objectives of an algorithm of one',
      { ...twoMetrics, algorithm: 'cmaes', target: 1, pruner: 'median' },
      [
        ['/target', /one objective/],
        ['/algorithm', /bayesian, random, grid, qmc/],
        ['/pruner', /must be none/],
      ],
    ],
    [
      'the same objective twice',
      { ...twoMetrics, objectives: [{ metric: 'val_f1' }, { metric: 'val_f1', mode: 'min' }] },
      [['/objectives/1/metric', /already/]],
    ],
    [
      'an initial trial of what is not searched',
      { initial_trials: [{ max_depth: 3 }, { max_depth: 20, C: 1 }] },
      [
        ['/initial_trials/1/max_depth', /integer|from 3 to 19/],
        ['/initial_trials/1/C', /is not searched/],
      ],
    ],
    [
      'more initial trials than trials',
      { initial_trials: [{}, {}], num_trials: 1 },
      [['/num_trials', /at least 2/]],
    ],
  ])('should be refused with 422 for %s', async (_, change, errors) => {
    const before = (await acme.get('/api/v1/tuning?limit=200')).body.page.count;
    const { status, body } = await submit({ ...SEED, data_config: DATA, model_name: 'fresh', ...change });
    expect({ status, code: body.code }).toEqual({ status: 422, code: 'VALIDATION_ERROR' });
    expect(body.errors).toEqual(
      errors.map(([pointer, message]) => ({ pointer, message: expect.stringMatching(message) })),
    );
    expect((await acme.get('/api/v1/tuning?limit=200')).body.page.count).toBe(before);
  });

  it('should be refused for numbers that JSON does not have', async () => {
    const body = JSON.stringify({ ...SEED, data_config: DATA }).replace('0.0001', '1e999');
    const answer = await acme.post('/api/v1/tuning', body, { 'content-type': 'application/json' });
    expect(answer).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/search_space/learning_rate/min' }] },
    });
  });

  it('should be refused for data outside of the grants', async () => {
    const request = { ...SEED, data_config: { ...DATA, train_path: 's3://others/train.parquet' } };
    expect(await submit(request)).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
  });

  it('should name parents that there are, of the same objectives', async () => {
    const { body: parent } = await submit({ ...SEED, data_config: DATA });
    const request = { ...SEED, data_config: DATA, parents: [parent.job_id] };
    expect((await submit(request)).status).toBe(202);
    expect((await submit({ ...request, objective_metric: 'val_f1' })).body).toMatchObject({
      status: 422,
      errors: [
        { pointer: '/parents/0', message: 'has other objectives than this study: val_accuracy (max)' },
      ],
    });
    const globex = await service.as('globex', 'scientist');
    const data_config = { ...DATA, train_path: 's3://tenants/globex/train.parquet' };
    const answer = await globex.post('/api/v1/tuning', { ...request, data_config });
    expect(answer).toMatchObject({ status: 404, body: { code: 'JOB_NOT_FOUND' } });
  });

  it('should be made by scientists alone', async () => {
    for (const role of ['viewer', 'predictor'] as const)
      expect((await (await service.as('acme-corp', role)).post('/api/v1/tuning', SEED)).status).toBe(403);
  });

  describe('that waits', () => {
    let path: string;
    beforeEach(async () => {
      const { body } = await submit({ ...SEED, data_config: DATA });
      path = `/api/v1/tuning/${body.job_id}`;
    });

    it('should be paused, given more trials, resumed and cancelled', async () => {
      expect((await acme.post(`${path}/pause`)).body).toMatchObject({ status: 'paused', num_trials: 50 });
      expect((await acme.post(`${path}/trials`, { add_trials: 30 })).body).toMatchObject({
        status: 'paused',
        num_trials: 80,
      });
      expect((await acme.post(`${path}/resume`)).body).toMatchObject({ status: 'submitted', num_trials: 80 });
      expect((await acme.delete(path)).body).toMatchObject({ status: 'cancelled' });
      expect((await acme.post(`${path}/trials`, { add_trials: 1 })).body).toMatchObject({
        status: 409,
        code: 'JOB_ENDED',
      });
    });

    it('should not be given more trials than a study may have, or none', async () => {
      expect((await acme.post(`${path}/trials`, { add_trials: 9951 })).body).toMatchObject({
        status: 422,
        errors: [
          { pointer: '/add_trials', message: 'must be at most 9950: a study has at most 10000 trials' },
        ],
      });
      for (const add_trials of [0, -1, 1.5, '3', null])
        expect((await acme.post(`${path}/trials`, { add_trials })).status).toBe(400);
      expect((await acme.get(path)).body.num_trials).toBe(50);
    });
  });
});

describe('the trials of a study', () => {
  let service: Service;
  let acme: Client;
  let id: string;

  beforeAll(async () => {
    ({ service } = await startWithModels());
    acme = await service.as('acme-corp', 'scientist');
    id = (await acme.post('/api/v1/tuning', SEED)).body.job_id;
    const claims = service.app.get(JobClaimsRepository, { strict: false });
    await claims.next('tuning', 'w', { leaseSeconds: 3600, runningPerTenant: 1, maxAttempts: 3 });
  });
  afterAll(() => service?.stop());

  const trial = (number: number, change: Partial<TrialReport> = {}): TrialReport => ({
    number,
    state: 'succeeded',
    origin: 'suggested',
    parameters: { max_depth: 3 + number, learning_rate: 0.01 },
    values: [0.5 + number / 100],
    feasible: true,
    metrics: { val_accuracy: 0.5 + number / 100, val_roc_auc: null },
    steps: [{ step: 1, value: 0.5 }],
    started_at: '2026-02-12T10:00:00.123Z',
    ended_at: '2026-02-12T10:00:02.000Z',
    duration_seconds: 1.877,
    tries: 1,
    reason: null,
    ...change,
  });
  const unfinished = {
    state: 'running',
    values: null,
    feasible: null,
    ended_at: null,
    duration_seconds: null,
  } as const;
  const trials = () => service.app.get(TrialsService, { strict: false });
  const keep = (...told: TrialReport[]) => {
    const events = told.map((each) => ({
      type: 'trial',
      data: { trial: each } satisfies Omit<JobReport, 'type'>,
    }));
    return service.app
      .get(Database, { strict: false })
      .asTenant('acme-corp', (scope) => trials().keep(scope, id, events));
  };
  const list = async (query = '') => (await acme.get(`/api/v1/tuning/${id}/trials${query}`)).body;
  const numbers = ({ data }: { data: { number: number }[] }) => data.map(({ number }) => number);

  it('should be kept as the last event of each says, and one that has ended as it is', async () => {
    await keep(trial(0, unfinished), trial(0), trial(1, unfinished), trial(2, unfinished));
    await keep(trial(2, { state: 'failed', values: null, feasible: null, reason: 'ValueError: no.' }));
    await keep(trial(0, { values: [0.9] }), trial(2, unfinished));
    const { data, page } = await list();
    expect(page).toEqual({ count: 3, next_cursor: null });
    expect(data[0]).toEqual({
      number: 0,
      state: 'succeeded',
      origin: 'suggested',
      parameters: { max_depth: 3, learning_rate: 0.01 },
      value: 0.5,
      feasible: true,
      metrics: { val_accuracy: 0.5, val_roc_auc: null },
      steps: [{ step: 1, value: 0.5 }],
      started_at: '2026-02-12T10:00:00.123Z',
      ended_at: '2026-02-12T10:00:02.000Z',
      duration_seconds: 1.877,
      tries: 1,
      reason: null,
    });
    expect(data[1]).toMatchObject({ number: 1, state: 'running', value: null });
    expect(data[2]).toMatchObject({ number: 2, state: 'failed', reason: 'ValueError: no.' });
  });

  it('should be listed page by page, by state', async () => {
    await keep(
      ...Array.from({ length: 700 }, (_, at) =>
        trial(at + 3, at % 2 ? {} : { state: 'pruned', values: null }),
      ),
    );
    const first = await list('?limit=2&state=pruned');
    expect(numbers(first)).toEqual([3, 5]);
    const second = await list(`?limit=2&state=pruned&cursor=${first.page.next_cursor}`);
    expect(numbers(second)).toEqual([7, 9]);
    expect(numbers(await list('?state=running'))).toEqual([1]);
    const seen: number[] = [];
    for (let cursor = ''; ;) {
      const { data, page } = await list(`?limit=200${cursor && `&cursor=${cursor}`}`);
      seen.push(...numbers({ data }));
      if (page.next_cursor === null) break;
      cursor = page.next_cursor;
    }
    expect(seen).toEqual(Array.from({ length: 703 }, (_, at) => at));
    const ended: number[] = [];
    for await (const each of trials().ended('acme-corp', id)) ended.push(each.number);
    expect(ended).toEqual(seen.filter((number) => number !== 1));
  });

  it.each(['?state=lost', '?format=parquet&state=failed', '?format=csv', '?cursor=x', '?limit=0', '?page=2'])(
    'should not be listed by %s',
    async (query) => {
      expect((await acme.get(`/api/v1/tuning/${id}/trials${query}`)).status).toBe(400);
    },
  );

  it('should have no file before the study has succeeded', async () => {
    expect(await list('?format=parquet')).toMatchObject({ status: 409, code: 'JOB_STATE_CONFLICT' });
  });

  it('should not run any longer once nothing runs them, and be begun again', async () => {
    expect(await trials().begin('acme-corp', id)).toBe(702);
    await keep(trial(1, unfinished));
    await service.database.query(`update jobs set status = 'paused' where id = $1`, [id]);
    expect(numbers(await list('?state=running'))).toEqual([]);
    expect(numbers(await list('?limit=2'))).toEqual([0, 2]);
    await service.database.query(`update jobs set status = 'running' where id = $1`, [id]);
    expect(numbers(await list('?state=running'))).toEqual([1]);
  });

  it("should be nobody else's", async () => {
    const globex = await service.as('globex');
    for (const query of ['', '?format=parquet'])
      expect((await globex.get(`/api/v1/tuning/${id}/trials${query}`)).body.code).toBe('JOB_NOT_FOUND');
    expect((await globex.post(`/api/v1/tuning/${id}/trials`, { add_trials: 1 })).body.code).toBe(
      'JOB_NOT_FOUND',
    );
  });

  it('should go with their job', async () => {
    await service.database.query(`delete from jobs where id = $1`, [id]);
    expect(await service.database.query('select number from tuning_trials')).toEqual([]);
  });
});
