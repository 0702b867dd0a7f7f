// node bench/features.mjs [--parts online,offline] [--seconds 3] [--rounds 5] [--connections 32] [--peers feast]
// [--rows 1000000] [--asked 100000] [--events 10000000] [--feast-rows 1000000] [--runs 3]: features beside what one would
// write oneself, and beside Feast.
import { reportProblem } from '../scripts/parts/problem.mjs';
import { Steps } from '../scripts/parts/steps.mjs';
import { measureOffline, SIZES } from './features/offline.mjs';
import { measureOnline } from './features/online.mjs';
import { namesOption, numberOptions } from './parts/options.mjs';
import { writeResults } from './parts/results.mjs';
import { withStack } from './parts/stack.mjs';
import { requireWrk } from './parts/wrk.mjs';

/** By name: `measure(stack, steps, settings)` answers what is written to the results, with `failed` where it fell short. */
const PARTS = { online: measureOnline, offline: measureOffline };

/** A row is a token, and 100 entities a request are more of them than a tenant has. */
const UNREFUSED = {
  MODELPLANE_RATE_LIMIT_PER_MINUTE: '1000000000',
  MODELPLANE_RATE_LIMIT_BURST: '1000000000',
};

const steps = new Steps();
try {
  const [parts, rest] = namesOption('parts', Object.keys(PARTS), Object.keys(PARTS));
  const [peers, others] = namesOption('peers', ['feast'], ['feast'], rest);
  const defaults = { seconds: 3, rounds: 5, connections: 32, ...SIZES };
  const numbers = numberOptions(
    mapped(defaults, (number) => [number]),
    others,
  );
  const settings = { ...mapped(numbers, ([number]) => number), peers };
  if (parts.includes('online')) requireWrk();
  const measure = async (stack) => {
    const measured = {};
    for (const part of parts) measured[part] = await PARTS[part](stack, steps, settings);
    steps.say(writeResults('features', { settings, ...measured }));
    return Object.values(measured).some(({ failed }) => failed) ? 1 : 0;
  };
  process.exitCode = await withStack(steps, measure, UNREFUSED);
} catch (error) {
  reportProblem(error);
  process.exitCode = 1;
}

function mapped(object, change) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
}
