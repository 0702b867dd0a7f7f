import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { Redis } from 'ioredis';
import { hasEnded } from './moments.mjs';
import { isTraining, kill, processesOn } from './parts.mjs';
import { Stack } from './stack.mjs';

const ROWS_OF_AN_ENTITY = 3;
const LONGEST_MS = 120_000;
const FEATURES = '/api/v1/features';
/** Of the first is looked how far a materialization has come. */
const SAMPLE = 200;
const PLAIN = ['orders', 'spent'];
const SUMS = ['seen', 'total'];
const HOUR_MS = 3_600_000;

/**
 * Rows of customers: of each some times, the last of them twice with another created time, in an order in which the
 * newest is neither first nor last.
 */
function events(entities) {
  const start = Date.UTC(2026, 0, 1);
  const lines = ['customer_id,ts,made,orders,spent'];
  for (let number = 0; number < ROWS_OF_AN_ENTITY; number += 1) {
    for (let entity = 0; entity < entities; entity += 1) {
      const turn = (number + entity) % ROWS_OF_AN_ENTITY;
      const at = new Date(start + Math.min(turn, 1) * HOUR_MS * (1 + (entity % 500))).toISOString();
      const made = new Date(start + (turn + 600) * HOUR_MS).toISOString();
      lines.push(`c${entity},${at},${made},${entity + turn * 100_000},${(entity % 977) / 8 + turn}`);
    }
  }
  return Buffer.from(lines.join('\n'));
}

/** How it is seen that a materialization has come to a moment of its life. */
const SIGNS = {
  submitted: () => true,
  reading: (storm) => isTraining(storm.stack),
  writing: async (storm, view) => (await storm.shareOnline(view)) > 0,
};

export const MOMENTS = Object.keys(SIGNS);

/** Views of the same files: one that is materialized in peace, and one after the other that faults are done to. */
export class FeatureStorm {
  strikes = [];
  losses = [];
  /** Views that faults were done to, and the rows that were pushed to them and acknowledged. */
  #views = [];

  /** @param entities how many customers; of the more, the longer it takes to write their values */
  static async start(storage, entities) {
    const storm = new FeatureStorm();
    storm.stack = await Stack.start(storage);
    try {
      await storm.#prepare(entities);
    } catch (error) {
      await storm.stack.stop();
      throw error;
    }
    return storm;
  }

  async #prepare(entities) {
    const { caller } = this.stack;
    await caller.until('PUT', '/api/v1/objects/data/events.csv', events(entities));
    await caller.until('PUT', `${FEATURES}/entities/customer`, {
      keys: [{ name: 'customer_id', type: 'string' }],
    });
    await this.#define('calm');
    const job = await this.#end(await this.#materialize(['calm', 'calm_sums']));
    if (job.status !== 'succeeded') throw new Error(`in peace: ${JSON.stringify(job.error)}`);
    this.calm = await this.#online('calm', customers(entities));
  }

  /** A view of the newest row of each customer, and one of sums over all. */
  async #define(name) {
    const { caller } = this.stack;
    const source = { path: 's3://data/events.csv', format: 'csv' };
    const of = { entities: ['customer'], timestamp_column: 'ts', created_column: 'made' };
    await caller.until('PUT', `${FEATURES}/views/${name}`, {
      ...of,
      source,
      features: [
        { name: 'orders', type: 'int64' },
        { name: 'spent', type: 'float64' },
      ],
    });
    await caller.until('PUT', `${FEATURES}/views/${name}_sums`, {
      ...of,
      source,
      aggregations: [
        { name: 'seen', function: 'count', window: '3650d' },
        { name: 'total', function: 'sum', column: 'spent', window: '3650d' },
      ],
    });
  }

  async #materialize(feature_views, more = {}) {
    const { body } = await this.stack.caller.until('POST', `${FEATURES}/materialize`, {
      feature_views,
      ...more,
    });
    return body.job_id;
  }

  async #job(id) {
    return (await this.stack.caller.until('GET', `${FEATURES}/materialize/${id}`)).body;
  }

  async #end(id) {
    for (const last = Date.now() + LONGEST_MS; Date.now() < last; await sleep(100)) {
      const job = await this.#job(id);
      if (hasEnded(job)) return job;
    }
    throw new Error(`materialization ${id} has not ended ${LONGEST_MS / 1000} s after its last fault`);
  }

  /** Of some customers, how many of a hundred have a value of a view already. */
  async shareOnline(view) {
    const asked = {
      feature_refs: [`${view}:orders`],
      entity_rows: customers(SAMPLE),
      include_status: true,
    };
    const { status, body } = await this.stack.caller.once('POST', `${FEATURES}/online`, asked);
    if (status !== 200) return 0;
    return body.statuses.filter(({ orders }) => orders === 'PRESENT').length / SAMPLE;
  }

  /** Values of the features of a view and of its sums, a text a customer. */
  async #online(view, rows) {
    const refs = [...PLAIN.map((name) => `${view}:${name}`), ...SUMS.map((name) => `${view}_sums:${name}`)];
    const found = new Map();
    for (let at = 0; at < rows.length; at += 1000) {
      const { body } = await this.stack.caller.until('POST', `${FEATURES}/online`, {
        feature_refs: refs,
        entity_rows: rows.slice(at, at + 1000),
      });
      for (const { customer_id: id, ...values } of body.results) found.set(id, values);
    }
    return found;
  }

  /**
   * Does faults to parts while views are materialized and rows of them are pushed, waits for the end, and compares.
   * @param faults `{part, moment, extraMs}`, one after the other
   * @returns how many of them hit something
   */
  async strike(faults) {
    const { stack } = this;
    const name = `storm_${this.#views.length + 1}`;
    await this.#define(name);
    const job = await this.#materialize([name, `${name}_sums`]);
    const pushes = new Pushes(stack.caller, name);
    const view = { name, pushed: pushes.newest };
    this.#views.push(view);
    let hits = 0;
    try {
      for (const { part, moment, extraMs = 0 } of faults) {
        if (!(await this.#untilMoment(moment, name, job))) break;
        await sleep(extraMs);
        const share = await this.shareOnline(name);
        // A job that waits for its next attempt has no process.
        const orphans = await kill(stack, part, job).catch(() => null);
        if (!orphans) continue;
        hits += 1;
        this.strikes.push({ part, moment, share });
        this.losses.push(...orphans.map((pid) => `process ${pid} outlived the ${part} that had started it`));
      }
      const { status, error } = await this.#end(job);
      if (status !== 'succeeded') this.losses.push(`${job} has ${status}: ${error?.message}`);
    } finally {
      await pushes.stop();
    }
    await this.#compare(view, `after ${faults.map(({ part }) => part).join(', ')}`);
    return hits;
  }

  /** Whether the moment came before the end of the job. */
  async #untilMoment(moment, view, job) {
    for (const last = Date.now() + LONGEST_MS; Date.now() < last; await sleep(2)) {
      if (await SIGNS[moment](this, view)) return true;
      const { status, body } = await this.stack.caller.once('GET', `${FEATURES}/materialize/${job}`);
      if (status === 200 && hasEnded(body)) return false;
    }
    throw new Error(`${job} never came to the moment "${moment}"`);
  }

  /** What is online is what it is of the view in peace, but for what was pushed since. */
  async #compare({ name, pushed }, when) {
    const expected = new Map(this.calm);
    for (const [id, { orders, spent }] of pushed) {
      expected.set(id, { ...(expected.get(id) ?? { seen: 0, total: null }), orders, spent });
    }
    const found = await this.#online(
      name,
      [...expected.keys()].map((customer_id) => ({ customer_id })),
    );
    const wrong = [...expected].filter(([id, values]) => !isDeepStrictEqual(found.get(id), values));
    for (const [id, values] of wrong.slice(0, 3))
      this.losses.push(
        `${id} of ${name} is ${JSON.stringify(found.get(id))} ${when}, not ${JSON.stringify(values)}`,
      );
    if (wrong.length > 3) this.losses.push(`and ${wrong.length - 3} more of ${name}`);
  }

  /**
   * Empties the online store, fills it again from the files and the rows that were pushed, compares, and stops everything.
   * @returns one sentence for each loss
   */
  async finish() {
    const { stack, losses } = this;
    try {
      const redis = new Redis(stack.redisUrl);
      for await (const keys of redis.scanStream({ match: '*:features:*', count: 10_000 }))
        if (keys.length > 0) await redis.del(keys);
      redis.disconnect();
      const all = this.#views.flatMap(({ name }) => [name, `${name}_sums`]);
      const job = await this.#end(await this.#materialize(all, { incremental: false }));
      if (job.status !== 'succeeded') losses.push(`anew: ${JSON.stringify(job.error)}`);
      for (const view of this.#views) await this.#compare(view, 'once it was filled anew');
    } finally {
      await stack.stop();
    }
    losses.push(...processesOn(stack.stateDir).map((pid) => `process ${pid} is left`));
    return losses;
  }
}

const customers = (count) => Array.from({ length: count }, (_, entity) => ({ customer_id: `c${entity}` }));

/** Pushes rows of a view, old and new ones, each until it is acknowledged. */
class Pushes {
  /** What was pushed with the newest time, by customer. */
  newest = new Map();
  #working = true;
  #loop;

  constructor(caller, view) {
    this.#loop = this.#push(caller, view);
  }

  async stop() {
    this.#working = false;
    await this.#loop;
  }

  async #push(caller, view) {
    const started = Date.now();
    for (let number = 0; this.#working; number += 1, await sleep(20)) {
      // Customers of the files and others; every third row is older than the last of its customer.
      const id = number % 2 ? `c${number % 400}` : `new${number % 40}`;
      const at = started - 2 * HOUR_MS + (number % 3 === 2 ? -HOUR_MS : number);
      const row = { orders: number, spent: number / 4 };
      await caller.until(
        'POST',
        `${FEATURES}/push`,
        { view, rows: [{ customer_id: id, event_timestamp: new Date(at).toISOString(), ...row }] },
        LONGEST_MS,
      );
      const held = this.newest.get(id);
      if (!held || held.at <= at) this.newest.set(id, { at, ...row });
    }
  }
}
