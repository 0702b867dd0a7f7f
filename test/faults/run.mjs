// npm run faults [-- --kills 200 --seed 1 --storage folder|s3]: kills and pauses parts at moments of jobs' lives, and counts losses.
import '../../scripts/parts/node-version.mjs';
import { parseArgs } from 'node:util';
import { runCampaign } from './command.mjs';
import { randomFrom } from './random.mjs';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    storage: { type: 'string', default: 's3' },
  },
});
const [kills, seed] = [Number(values.kills), Number(values.seed)];

await runCampaign(values.storage, async ({ steps, owns }) => {
  const { Campaign } = await import('./campaign.mjs');
  const { MOMENTS } = await import('./moments.mjs');
  const { PARTS } = await import('./parts.mjs');
  const { table } = await import('./table.mjs');
  const campaign = await steps.run('PostgreSQL, Redis, objects, API and two workers', () =>
    Campaign.start(values.storage),
  );
  owns(campaign.stack);
  const parts = values.storage === 's3' ? [...PARTS, 'seaweedfs'] : PARTS;
  const random = randomFrom(seed);
  const oneOf = (list) => list[Math.floor(random() * list.length)];
  while (campaign.strikes.length < kills) {
    const strike = {
      part: oneOf(parts),
      moment: oneOf([...MOMENTS, 'random']),
      action: random() < 0.8 ? 'kill' : 'pause',
      extraMs: random() < 0.5 ? 0 : Math.floor(random() * 50),
    };
    if (strike.moment === 'random')
      Object.assign(strike, { moment: 'submitted', extraMs: random() * 4000, shown: 'random' });
    if (!(await campaign.strike(strike))) continue;
    const { moment, seconds } = campaign.strikes.at(-1);
    steps.say(
      `  ${String(campaign.strikes.length).padStart(4)}  ${strike.action} ${strike.part} at ${moment}: ${seconds.toFixed(1)} s`,
    );
  }
  const { strikes, jobs, witness } = campaign;
  const losses = await campaign.finish();
  losses.push(...campaign.strays().map((pid) => `process ${pid} is left`));
  steps.say(table(strikes));
  steps.say(
    `seed ${seed}: ${strikes.length} faults, ${jobs.length} jobs, ${witness.objects.size} objects, ${witness.models.size} models, ` +
      `${witness.predictions.answered} predictions; losses = ${losses.length}`,
  );
  return losses;
});
