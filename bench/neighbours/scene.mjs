import { Blob } from 'node:buffer';
import { mkdirSync, openAsBlob, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot, TRAINER_PYTHON } from '../../scripts/parts/paths.mjs';
import { Problem } from '../../scripts/parts/problem.mjs';
import { mustRun } from '../../scripts/parts/programs.mjs';
import { signToken } from '../../scripts/parts/tokens.mjs';
import { Client } from '../parts/client.mjs';

export const ATTACKER = 'attacker';
export const VICTIM = 'victim';

export const COLUMNS = ['a', 'b', 'c', 'd', 'e'];
const POINTS = 12_000;

/** Two tenants of one installation, with the models that the attacks and the probes ask for. */
export class Scene {
  /** @param volume how much of everything there is, from 0 to 1, where 1 is what the attacks were first seen with */
  static async make({ stateDir, url, env }, volume) {
    const clientOf = (tenant) => {
      const secret = env.MODELPLANE_JWT_SECRET;
      return new Client(url, signToken({ tenant, role: 'admin', days: 1, secret }));
    };
    const scene = new Scene(stateDir, volume, clientOf(ATTACKER), clientOf(VICTIM));
    await scene.#make();
    return scene;
  }

  constructor(stateDir, volume, attacker, victim) {
    this.stateDir = stateDir;
    this.volume = volume;
    this.attacker = attacker;
    this.victim = victim;
  }

  /** So many of what an attack was first seen with. */
  share(count) {
    return Math.max(1, Math.round(count * this.volume));
  }

  async #make() {
    const folder = path.join(this.stateDir, 'made');
    mkdirSync(folder);
    await mustRun(TRAINER_PYTHON, [inRoot('bench/neighbours/make_models.py'), folder], 'No model was made');
    this.wide = await openAsBlob(path.join(folder, 'wide.onnx'));
    this.busy = await openAsBlob(path.join(folder, 'busy.onnx'));
    await this.put(this.attacker, 'points.csv', table(POINTS));
    await this.put(this.victim, 'points.csv', table(1000));
    const [slow, forest, quick] = await Promise.all([
      this.train(this.attacker, 'slow', { estimator: 'k_nearest_neighbors' }),
      this.train(this.attacker, 'forest', { estimator: 'random_forest', n_estimators: this.share(1000) }),
      this.train(this.victim, 'quick', { estimator: 'logistic_regression' }),
    ]);
    this.models = { slow, forest, quick };
    this.models.uploaded = await this.upload(this.victim, 'uploaded', this.busy);
  }

  async put(client, key, content) {
    const tenant = client === this.attacker ? ATTACKER : VICTIM;
    await client.send('PUT', `/api/v1/objects/tenants/${tenant}/${key}`, new Blob([content]));
  }

  /** Puts objects into the folder that holds them: tens of thousands by HTTP would take longer than the attack. */
  putMany(keys, content) {
    const root = path.join(this.stateDir, 'objects', 'tenants', ATTACKER);
    for (const key of keys) {
      const file = path.join(root, key);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, content);
    }
  }

  async train(client, model_name, hyperparameters, file = 'points.csv') {
    const { result } = await client.train(this.trainingOf(client, model_name, hyperparameters, file), {
      pollMs: 100,
    });
    return result.model_id;
  }

  trainingOf(client, model_name, hyperparameters, file = 'points.csv') {
    const tenant = client === this.attacker ? ATTACKER : VICTIM;
    return {
      model_name,
      framework: 'sklearn',
      data_config: { train_path: `s3://tenants/${tenant}/${file}`, target_column: 'y' },
      training_config: { importance: 'none' },
      hyperparameters,
    };
  }

  /** Registers a model and uploads its first version; the model's id. */
  async upload(client, name, artifact) {
    const model = await client.send('POST', '/api/v1/models', {
      name,
      model_type: 'regression',
      framework: 'onnx',
    });
    await this.uploadVersion(client, model.model_id, artifact);
    return model.model_id;
  }

  async uploadVersion(client, modelId, artifact) {
    const response = await fetch(`${client.url}/api/v1/models/${modelId}/versions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${client.token}` },
      body: uploadForm(artifact),
    });
    if (!response.ok) throw new Problem(`an upload answered ${response.status}`, await response.text());
  }

  /** Waits until a job is anything but `submitted`; the milliseconds that it waited by the database's clock. */
  async started(client, collection, request) {
    const { job_id } = await client.send('POST', collection, request);
    for (;;) {
      const job = await client.send('GET', `${collection}/${job_id}`);
      if (job.started_at)
        return { job_id, waitedMs: Date.parse(job.started_at) - Date.parse(job.created_at) };
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

export function uploadForm(artifact, signature) {
  const form = new FormData();
  form.set('artifact', artifact, 'model.onnx');
  if (signature !== undefined) form.set('signature', signature);
  return form;
}

/** A row of the points, as features by name. */
export const rowOf = (at) =>
  Object.fromEntries(COLUMNS.map((name, column) => [name, Math.cos(at * (column + 1))]));

/** Points on curves, and which side of a plane they are on, as CSV. */
export function table(rows) {
  const lines = Array.from({ length: rows }, (_, at) => {
    const values = COLUMNS.map((_, column) => Math.sin(at * (column + 1)).toFixed(6));
    return [...values, Number(values[0]) + Number(values[1]) > 0 ? 'high' : 'low'].join(',');
  });
  return [[...COLUMNS, 'y'].join(','), ...lines].join('\n');
}
