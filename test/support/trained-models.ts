import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from './client.js';
import { makeData } from './data.js';
import { madeOnce } from './made-once.js';
import { Service, type ServiceOptions } from './service.js';

/** What a model of `startWithModels` is trained with. */
interface Recipe {
  /** Name of a file in `s3://data/`. */
  readonly file: string;
  readonly target: string;
  readonly estimator: string;
  readonly hyperparameters?: object;
  /** More of the request's `data_config`. */
  readonly data?: object;
}

/** Slow to answer, and therefore slow to validate: few rows are held out. */
const SLOW: Recipe = {
  file: 'points.csv',
  target: 'y',
  estimator: 'k_nearest_neighbors',
  data: { validation_share: 0.02 },
};

/** The models of `startWithModels` by name. One that a single spec file needs is here to save it a trainer's start. */
const RECIPES = {
  churn: { file: 'train.parquet', target: 'churned', estimator: 'logistic_regression' },
  churnOfForest: {
    file: 'train.parquet',
    target: 'churned',
    estimator: 'random_forest',
    hyperparameters: { n_estimators: 20 },
  },
  churnWithoutTickets: {
    file: 'train.parquet',
    target: 'churned',
    estimator: 'logistic_regression',
    data: { exclude_columns: ['support_tickets'] },
  },
  /** A regression with rows enough for intervals of several widths. */
  recency: { file: 'large.parquet', target: 'days_since_last_order', estimator: 'ridge' },
  subscribers: { file: 'subscribers.csv', target: 'churn', estimator: 'hist_gradient_boosting' },
  slow: SLOW,
  alsoSlow: SLOW,
} satisfies Record<string, Recipe>;

/** Ids of the models, all of the tenant `acme-corp`. */
export type TrainedModels = Readonly<Record<keyof typeof RECIPES, string>>;

/**
 * A service that has trained models from its start. They are trained once for all spec files of a run, by a service
 * and its trainer; each spec file has a copy of its own, with the jobs that made them and their data in `s3://data/`.
 */
export async function startWithModels(
  options: Omit<ServiceOptions, 'beside' | 'from'> = {},
): Promise<{ service: Service; models: TrainedModels }> {
  const folder = await madeOnce('trained-models', trainAll);
  const { models, database } = JSON.parse(await readFile(join(folder, 'models.json'), 'utf8'));
  const service = await Service.start({ ...options, from: { database, objects: join(folder, 'objects') } });
  return { service, models };
}

async function trainAll(folder: string): Promise<void> {
  const service = await Service.start({ role: 'all' });
  try {
    const acme = await service.as('acme-corp');
    const files = await makeData('train.parquet', 'subscribers.csv', 'large.parquet');
    for (const [name, content] of Object.entries({ ...files, 'points.csv': pointsTable() }))
      expect((await acme.put(`/api/v1/objects/data/${name}`, content)).status).toBe(200);
    const trained = Object.entries(RECIPES).map(async ([name, recipe]) => [
      name,
      await train(acme, name, recipe),
    ]);
    const models = Object.fromEntries(await Promise.all(trained));
    const database = await service.freeze(join(folder, 'objects'));
    await writeFile(join(folder, 'models.json'), JSON.stringify({ models, database }));
  } catch (error) {
    await service.stop();
    throw error;
  }
}

/** So many neighbours to compare with that a thousand rows keep a thread busy for far longer than they take to read. */
const POINTS = 9_800;

/** Features of the models `slow` and `alsoSlow`, all numbers. */
export const POINT_FEATURES = ['a', 'b', 'c', 'd', 'e'];

function pointsTable(): string {
  const lines = Array.from({ length: POINTS }, (_, at) => {
    const values = POINT_FEATURES.map((_, column) => Math.sin(at * (column + 1)).toFixed(6));
    return [...values, Number(values[0]) + Number(values[1]) > 0 ? 'high' : 'low'].join(',');
  });
  return [[...POINT_FEATURES, 'y'].join(','), ...lines].join('\n');
}

async function train(client: Client, name: string, recipe: Recipe): Promise<string> {
  const { file, target, estimator, hyperparameters, data } = recipe;
  const { body: submitted } = await client.post('/api/v1/training', {
    model_name: name,
    framework: 'sklearn',
    data_config: { train_path: `s3://data/${file}`, target_column: target, ...data },
    hyperparameters: { estimator, ...hyperparameters },
  });
  const { body } = await client.waitForJob(`/api/v1/training/${submitted.job_id}`, 300_000);
  expect(body).toMatchObject({ status: 'succeeded', error: null });
  return body.result.model_id;
}
