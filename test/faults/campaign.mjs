import { setTimeout as sleep } from 'node:timers/promises';
import { audit } from './audit.mjs';
import { before, hasEnded, untilMoment } from './moments.mjs';
import { kill, pause, processesOn } from './parts.mjs';
import { Stack } from './stack.mjs';
import { Witness } from './witness.mjs';

/** Longer than a lease: a worker that wakes up again no longer holds its job, and must not end it. */
const PAUSE_MS = 3000;
const LONGEST_MS = 60_000;
const MODEL = 'under_fire';

/** Customers of whom the old and quiet churn; enough rows that training lasts for a second or two. */
export function customers(rows) {
  const lines = ['orders,days,value,churned'];
  for (let row = 0; row < rows; row += 1) {
    const [orders, days, value] = [(row * 7919) % 61, (row * 104_729) % 367, ((row * 1_299_709) % 9973) / 10];
    lines.push(`${orders},${days},${value},${days + (row % 53) > 4 * orders + 60 ? 1 : 0}`);
  }
  return Buffer.from(lines.join('\n'));
}

/** One stack and what happened to it: faults are done to it one after the other, and counted at the end. */
export class Campaign {
  jobs = [];
  /** Moves between stages that were acknowledged. */
  stages = [];
  strikes = [];
  orphans = [];
  /** When the API itself was the victim, and could not answer. */
  #apiAway = [];

  static async start(storage) {
    const campaign = new Campaign();
    campaign.stack = await Stack.start(storage);
    try {
      await campaign.#prepare();
    } catch (error) {
      await campaign.stack.stop();
      throw error;
    }
    return campaign;
  }

  async #prepare() {
    const { caller } = this.stack;
    await caller.until('PUT', '/api/v1/objects/data/customers.csv', customers(6000));
    const job = await this.#end(await this.#submit());
    const { model_id } = job.result;
    await caller.until('PUT', `/api/v1/models/${model_id}/stage`, {
      version: '1.0.0',
      target_stage: 'staging',
    });
    await caller.until('PUT', `/api/v1/models/${model_id}/stage`, {
      version: '1.0.0',
      target_stage: 'production',
    });
    const prediction = { model_id, features: { orders: 3, days: 200, value: 10.5 } };
    await caller.until('POST', '/api/v1/predictions', prediction);
    this.witness = new Witness(caller, prediction);
  }

  async #submit() {
    const { body } = await this.stack.caller.until('POST', '/api/v1/training', {
      model_name: MODEL,
      framework: 'sklearn',
      data_config: { train_path: 's3://data/customers.csv', target_column: 'churned' },
      // Another seed makes another artifact.
      training_config: { seed: this.jobs.length },
      hyperparameters: { estimator: 'gradient_boosting', n_estimators: 80, max_depth: 3 },
    });
    this.jobs.push(body.job_id);
    return body.job_id;
  }

  async #end(jobId) {
    for (const end = Date.now() + LONGEST_MS; Date.now() < end; await sleep(50)) {
      const { body } = await this.stack.caller.until('GET', `/api/v1/training/${jobId}`);
      if (hasEnded(body)) return body;
    }
    throw new Error(`job ${jobId} has not ended ${LONGEST_MS / 1000} s after a fault`);
  }

  /**
   * Does one fault to a part at a moment of a new job's life, and waits until the service has got over it and the
   * job has ended.
   * @param extraMs how long after the moment
   * @returns false where the part was not there to be hit
   */
  async strike({ part, moment, action = 'kill', extraMs = 0, shown = moment }) {
    const { stack } = this;
    const seen = await before(stack);
    const jobId = await this.#submit();
    await untilMoment(stack, moment, jobId, seen);
    await sleep(extraMs);
    const at = Date.now();
    const left =
      action === 'kill' ? await kill(stack, part, jobId) : await pause(stack, part, jobId, PAUSE_MS);
    if (left) this.orphans.push(...left);
    await this.#recovered(part, jobId, at);
    if (left) this.strikes.push({ part, moment: shown, action, seconds: (Date.now() - at) / 1000 });
    if (part === 'api') this.#apiAway.push({ from: at - 100, to: Date.now() + 500 });
    await this.#promote(await this.#end(jobId));
    return left !== null;
  }

  /** The API says that all is well, the part runs again, and the job is over or in a living worker's hands. */
  async #recovered(part, jobId, at) {
    const { caller, ledger, supervisor } = this.stack;
    const isUp = () => ['worker', 'trainer', 'job'].includes(part) || supervisor.pid(part) !== undefined;
    for (const end = at + LONGEST_MS; Date.now() < end; await sleep(20)) {
      if (!isUp() || (await caller.once('GET', '/healthcheck')).status !== 200) continue;
      if (await ledger.isInHand(jobId, at)) return;
    }
    throw new Error(`not recovered ${LONGEST_MS / 1000} s after a fault of ${part}`);
  }

  /** Writes history; without a second try, which could not tell its own first one from another's. */
  async #promote({ status, result }) {
    if (status !== 'succeeded') return;
    const move = { version: result.version, target_stage: 'staging' };
    const answer = await this.stack.caller.once('PUT', `/api/v1/models/${result.model_id}/stage`, move);
    if (answer.status === 200) this.stages.push(`${result.model_id} ${result.version} staging`);
  }

  /**
   * Lets the dust settle, counts, and stops everything.
   * @returns one sentence for each loss
   */
  async finish() {
    const { stack, witness } = this;
    try {
      await witness.stop();
      const losses = await audit(stack, this);
      losses.push(...this.orphans.map((pid) => `process ${pid} outlived what had started it`));
      const { answered, refused } = witness.predictions;
      const unexplained = refused.filter(
        ({ at }) => !this.#apiAway.some(({ from, to }) => at >= from && at <= to),
      );
      losses.push(
        ...unexplained.map(({ at, status, code }) => `a prediction was answered ${status} ${code} at ${at}`),
      );
      if (answered === 0) losses.push('no prediction was answered at all');
      return losses;
    } finally {
      await this.stack.stop();
    }
  }

  /** After the end: processes that are still there. */
  strays() {
    return processesOn(this.stack.stateDir);
  }
}
