// npm run faults:features [-- --kills 50 --seed 1 --storage folder|s3]: kills parts in the middle of materializations and pushes,
// and compares online values with those of a view that nothing happened to.
import '../../scripts/parts/node-version.mjs';
import { parseArgs } from 'node:util';
import { runCampaign } from './command.mjs';
import { randomFrom } from './random.mjs';

/** Few enough that no job fails for having met too many. */
const KILLS_A_JOB = 4;

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    storage: { type: 'string', default: 's3' },
  },
});
const [kills, seed] = [values.kills, values.seed].map(Number);

await runCampaign(values.storage, async ({ steps, say, owns }) => {
  const [{ FeatureStorm, MOMENTS }, { PARTS }] = await Promise.all(
    ['./feature-storm.mjs', './parts.mjs'].map((file) => import(file)),
  );
  const storm = await steps.run('The service, and a view that is materialized in peace', () =>
    FeatureStorm.start(values.storage, 50_000),
  );
  owns(storm.stack);
  const parts = [...PARTS, ...(values.storage === 's3' ? ['seaweedfs'] : [])];
  const random = randomFrom(seed);
  const oneOf = (list) => list[Math.floor(random() * list.length)];
  const { strikes, losses } = storm;
  for (let jobs = 1; strikes.length < kills; jobs += 1) {
    const faults = Array.from({ length: Math.min(KILLS_A_JOB, kills - strikes.length) }, () => ({
      part: oneOf(parts),
      moment: oneOf(MOMENTS),
      extraMs: Math.floor(random() * 1000),
    }));
    await storm.strike(faults);
    say(`materialization ${jobs}: ${strikes.length} kills so far, ${losses.length} losses`);
  }
  await steps.run('The online store filled anew from files and pushed rows', () => storm.finish());
  const counts = parts.map((part) => `${part} ${strikes.filter((strike) => strike.part === part).length}`);
  const halfWay = strikes.filter(({ share }) => share > 0 && share < 1).length;
  steps.say(
    `seed ${seed}: ${strikes.length} kills (${counts.join(', ')}), ${halfWay} of them half way through the writes; losses = ${losses.length}`,
  );
  return losses;
});
