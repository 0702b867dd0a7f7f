import { setTimeout as sleep } from 'node:timers/promises';
import { percentile, round } from '../parts/results.mjs';

/** A probe's answers from here on are too late: a caller has given up. */
const GIVE_UP_MS = 60_000;

/** What a tenant notices of another: each probe asks again and again, and waits for its answer. */
export class Victim {
  constructor(client, probes) {
    this.client = client;
    this.probes = probes;
  }

  /**
   * Asks with all probes at once for `seconds`, each at least once.
   * @param names of the probes
   * @returns of each probe `{asked, refused, p50_ms, p99_ms, worst_ms, refusals}`; refused is any answer that is none
   */
  async watch(names, seconds) {
    const end = performance.now() + seconds * 1000;
    const found = await Promise.all(names.map((name) => this.#watchOne(this.probes[name], end)));
    return Object.fromEntries(names.map((name, at) => [name, found[at]]));
  }

  async #watchOne({ everyMs, ask }, end) {
    const [waits, refusals] = [[], []];
    do {
      const start = performance.now();
      try {
        const waitedMs = await within(GIVE_UP_MS, ask(this.client));
        waits.push(waitedMs ?? performance.now() - start);
      } catch (error) {
        refusals.push(`${error.message} ${error.detail ?? ''}`.slice(0, 400));
      }
      await sleep(everyMs);
    } while (performance.now() < end);
    return {
      asked: waits.length + refusals.length,
      refused: refusals.length,
      p50_ms: shown(percentile(waits, 50)),
      p99_ms: shown(percentile(waits, 99)),
      worst_ms: shown(percentile(waits, 100)),
      refusals: [...new Set(refusals)],
    };
  }
}

const shown = (milliseconds) => (milliseconds === undefined ? null : round(milliseconds, 1));

function within(milliseconds, work) {
  const late = sleep(milliseconds, undefined, { ref: false }).then(() => {
    throw new Error(`no answer within ${milliseconds / 1000} s`);
  });
  return Promise.race([work, late]);
}
