// npm run faults:studies [-- --kills 50 --trials 16 --seed 1 --storage folder|s3]: kills parts in the middle of studies, and compares
// their trials with those of a study that nothing happened to.
import '../../scripts/parts/node-version.mjs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { runCampaign } from './command.mjs';
import { randomFrom } from './random.mjs';

/** Few enough that no job fails for having met too many. */
const KILLS_A_STUDY = 5;
const LONGEST_MS = 180_000;
/** A trial whose process dies is begun once more, and has failed the second time. */
const ONCE_A_STUDY = 'trial';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '50' },
    trials: { type: 'string', default: '16' },
    seed: { type: 'string', default: '1' },
    storage: { type: 'string', default: 's3' },
  },
});
const [kills, trials, seed] = [values.kills, values.trials, values.seed].map(Number);
let stack;

await runCampaign(values.storage, async ({ steps, say, owns }) => {
  const [{ customers }, { kill, PARTS, processesOn }, { Stack }] = await Promise.all(
    ['./campaign.mjs', './parts.mjs', './stack.mjs'].map((file) => import(file)),
  );
  stack = await steps.run('PostgreSQL, Redis, objects, API and two workers', () =>
    Stack.start(values.storage),
  );
  owns(stack);
  await stack.caller.until('PUT', '/api/v1/objects/data/customers.csv', customers(6000));
  const expected = await steps.run(`A study of ${trials} trials that nothing happens to`, async () => {
    const id = await submit();
    await untilEnd(id);
    return outcomes(id);
  });
  const parts = [...PARTS, 'trial', ...(values.storage === 's3' ? ['seaweedfs'] : [])];
  const random = randomFrom(seed);
  const strikes = [];
  const losses = [];
  for (let studies = 1; strikes.length < kills; studies += 1) {
    const id = await submit();
    const hit = new Set();
    for (let times = 0; times < KILLS_A_STUDY && strikes.length < kills; times += 1) {
      await sleep(random() * 4000);
      const left = parts.filter((part) => !hit.has(ONCE_A_STUDY) || part !== ONCE_A_STUDY);
      const part = left[Math.floor(random() * left.length)];
      if (await endedStudy(id)) break;
      // Of a study that waits for its next attempt there is no process.
      const orphans = await kill(stack, part, id).catch(() => null);
      if (!orphans) continue;
      hit.add(part);
      losses.push(...orphans.map((pid) => `process ${pid} outlived the ${part} that had started it`));
      strikes.push(part);
    }
    const { status, error } = await untilEnd(id);
    const found = await outcomes(id);
    if (status !== 'succeeded') losses.push(`${id} has ${status}: ${error?.message}`);
    for (const [number, trial] of expected.entries()) {
      if (!isDeepStrictEqual(found[number], trial))
        losses.push(
          `trial ${number} of ${id} is ${JSON.stringify(found[number])}, not ${JSON.stringify(trial)}`,
        );
    }
    if (found.length !== expected.length) losses.push(`${id} has ${found.length} trials`);
    say(`study ${studies}: ${strikes.length} kills so far, ${losses.length} losses`);
  }
  const counts = parts.map((part) => `${part} ${strikes.filter((each) => each === part).length}`);
  await stack.stop();
  losses.push(...processesOn(stack.stateDir).map((pid) => `process ${pid} is left`));
  steps.say(`seed ${seed}: ${strikes.length} kills (${counts.join(', ')}), losses = ${losses.length}`);
  return losses;
});

async function submit() {
  const { body } = await stack.caller.until('POST', '/api/v1/tuning', {
    model_name: 'under_fire',
    framework: 'sklearn',
    estimator: 'gradient_boosting',
    data_config: { train_path: 's3://data/customers.csv', target_column: 'churned' },
    training_config: { importance: 'none' },
    search_space: {
      n_estimators: { type: 'randint', min: 20, max: 80 },
      max_depth: { type: 'randint', min: 2, max: 5 },
      learning_rate: { type: 'loguniform', min: 0.01, max: 0.3 },
    },
    objective_metric: 'val_loss',
    num_trials: trials,
    max_concurrent_trials: 2,
    seed: 0,
  });
  return body.job_id;
}

/** The study, once it has ended. */
async function endedStudy(id) {
  const { body } = await stack.caller.until('GET', `/api/v1/tuning/${id}`);
  return body.ended_at ? body : undefined;
}

async function untilEnd(id) {
  for (const last = Date.now() + LONGEST_MS; Date.now() < last; await sleep(100)) {
    const study = await endedStudy(id);
    if (study) return study;
  }
  throw new Error(`study ${id} has not ended ${LONGEST_MS / 1000} s after its last fault`);
}

/** What came of each trial, without its times. */
async function outcomes(id) {
  const { body } = await stack.caller.until('GET', `/api/v1/tuning/${id}/trials?limit=200`);
  return body.data.map(({ number, state, parameters, value, reason }) => ({
    number,
    state,
    parameters,
    value,
    reason,
  }));
}
