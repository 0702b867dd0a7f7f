import { setTimeout as sleep } from 'node:timers/promises';
import { TRAINING_REQUEST } from '../../scripts/parts/main-job.mjs';
import { Problem } from '../../scripts/parts/problem.mjs';

const POLL_MS = 200;
const LONGEST_MS = 2 * 60_000;
const API = '/api/v1';
const DATA = TRAINING_REQUEST.data_config.train_path;

/** What a tenant does beside the main job, so that its statements are seen. */
export class Scenario {
  /** @param prediction the request of the main job's prediction, whose model is used further */
  constructor(baseUrl, token, prediction) {
    Object.assign(this, { baseUrl, token, prediction, model: `${API}/models/${prediction.model_id}` });
  }

  /** `[what, act]` in their order. */
  acts = [
    ['A cancelled and a failed training', () => this.trainings()],
    ['A schedule', () => this.schedule()],
    ['An API key', () => this.apiKey()],
    ['Predictions: asynchronous, a batch, an export', () => this.predictions()],
    ['Changes and a deletion of a model', () => this.models()],
    ['Reads', () => this.reads()],
  ];

  async trainings() {
    const submit = (change) => this.#call('POST', `${API}/training`, { ...TRAINING_REQUEST, ...change });
    const running = await submit({ training_config: { early_stopping: false } });
    const waiting = await submit({});
    await this.#call('DELETE', `${API}/training/${waiting.job_id}`);
    await this.#until('running', `${API}/training/${running.job_id}`);
    await this.#call('DELETE', `${API}/training/${running.job_id}`);
    await this.#until('cancelled', `${API}/training/${running.job_id}`);

    const failing = await submit({ data_config: { train_path: DATA, target_column: 'nothing' } });
    await this.#until('failed', `${API}/training/${failing.job_id}`);
    await this.#call('POST', `${API}/training/validate`, TRAINING_REQUEST);
  }

  async schedule() {
    const { schedule_id } = await this.#call('POST', `${API}/schedules`, {
      name: 'each minute',
      kind: 'training',
      cron: '* * * * *',
      request: TRAINING_REQUEST,
    });
    const schedule = `${API}/schedules/${schedule_id}`;
    const first = await this.#poll(schedule, ({ last_run }) => last_run?.job_id);
    // When its next turn has come, at the next replay, must not depend on when that is.
    await this.#call('PATCH', schedule, { enabled: false });
    const second = await this.#call('POST', `${schedule}/run`);
    await this.#call('GET', `${API}/schedules`);
    for (const { job_id } of [first.last_run, second]) {
      await this.#until('succeeded', `${API}/training/${job_id}`);
    }
    const other = await this.#call('POST', `${API}/schedules`, {
      name: 'never',
      kind: 'training',
      cron: '* * * * *',
      enabled: false,
      request: TRAINING_REQUEST,
    });
    await this.#call('DELETE', `${API}/schedules/${other.schedule_id}`);
  }

  async apiKey() {
    const issued = await this.#call('POST', `${API}/api-keys`, {
      name: 'orders-service',
      roles: ['predictor'],
      expires_in_days: 3650,
    });
    const key = `${API}/api-keys/${issued.key_id}`;
    await this.#call('POST', `${API}/predictions`, this.prediction, {
      authorization: `Bearer ${issued.key}`,
    });
    await this.#poll(key, ({ last_used_at }) => last_used_at);
    await this.#call('POST', `${key}/rotate`, { overlap_seconds: 3600 });
    await this.#call('DELETE', key);
    await this.#call('GET', `${API}/api-keys`);
  }

  async predictions() {
    const run = async (target, request) => {
      const { job_id } = await this.#call('POST', target, request);
      return job_id;
    };
    const { request_id } = await this.#call('POST', `${API}/predictions`, this.prediction);
    await this.#poll(`${API}/predictions/${request_id}`, () => true, [404]);
    const later = await run(`${API}/predictions/async`, this.prediction);
    await this.#poll(`${API}/predictions/async/${later}`, ({ prediction }) => prediction);
    const batch = await run(`${API}/predictions/batch`, {
      model_id: this.prediction.model_id,
      input_path: DATA,
      output_path: 's3://predictions/breast_cancer/',
    });
    await this.#until('succeeded', `${API}/predictions/batch/${batch}`);
    const exported = await run(`${this.model}/predictions/export`, {
      output_path: 's3://predictions/log.jsonl',
    });
    await this.#until('succeeded', `${API}/predictions/exports/${exported}`);
  }

  async models() {
    await this.#call('PATCH', this.model, { description: 'changed', tags: { team: 'a' } });
    await this.#call('PUT', `${this.model}/prediction-log`, {
      sample_rate: 0.5,
      retention_days: 3650,
      redacted_features: ['mean_radius'],
    });
    const register = () =>
      this.#call(
        'POST',
        `${API}/models`,
        { name: 'other', model_type: 'regression', framework: 'sklearn' },
        { 'idempotency-key': 'other' },
      );
    const { model_id } = await register();
    await register(); // the same answer again
    await this.#call('DELETE', `${API}/models/${model_id}`);
  }

  async reads() {
    const first = async (list) => (await this.#call('GET', list)).data[0];
    const { job_id } = await first(`${API}/training?status=succeeded`);
    const { version } = await first(`${this.model}/versions`);
    for (const part of ['', '/importance', '/card']) {
      await this.#call('GET', `${this.model}/versions/${version}${part}`);
    }
    for (const target of [
      this.model,
      `${API}/models?tag=team:a`,
      `${this.model}/history`,
      `${this.model}/predictions`,
      `${this.model}/prediction-log`,
      `${API}/predictions/batch`,
      `${API}/predictions/exports`,
      `${API}/training/${job_id}/logs`,
      `${API}/jobs`,
      `${API}/jobs?status=failed`,
      `${API}/events`,
      `${API}/events?type=model.registered`,
      '/healthcheck',
    ]) {
      await this.#call('GET', target);
    }
    await this.#poll(`${this.model}/prediction-counts`, ({ data }) => data.length > 0);
    for (const stream of [`${API}/training/${job_id}/events`, '/metrics']) await this.#text('GET', stream);
  }

  #until(status, job) {
    return this.#poll(job, (body) => {
      if (['succeeded', 'failed', 'cancelled'].includes(body.status) && body.status !== status)
        throw new Problem(`${job} is ${body.status}, not ${status}`, JSON.stringify(body));
      return body.status === status;
    });
  }

  async #poll(target, isEnough, missing = []) {
    for (const end = Date.now() + LONGEST_MS; Date.now() < end; await sleep(POLL_MS)) {
      const text = await this.#text('GET', target, undefined, {}, missing);
      const body = text && JSON.parse(text);
      if (body && isEnough(body)) return body;
    }
    throw new Problem(`${target} was not as expected after ${LONGEST_MS / 60_000} minutes`);
  }

  async #call(...request) {
    const text = await this.#text(...request);
    return text ? JSON.parse(text) : null;
  }

  async #text(method, target, body, headers = {}, missing = []) {
    const response = await fetch(this.baseUrl + target, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body && { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (response.ok) return text;
    if (missing.includes(response.status)) return '';
    throw new Problem(`${method} ${target} answered ${response.status}`, text);
  }
}
