// npm run neighbours [-- --seconds 10 --volume 100 --only glob,bodies]: what one tenant notices of another's attacks.
import { parseArgs } from 'node:util';
import { Problem, reportProblem } from '../scripts/parts/problem.mjs';
import { Steps } from '../scripts/parts/steps.mjs';
import { attacksNamed, Campaign } from './neighbours/campaign.mjs';
import { SETTINGS } from './neighbours/settings.mjs';
import { table, writeResults } from './parts/results.mjs';
import { withStack } from './parts/stack.mjs';

/** No attack may keep another tenant waiting for longer. */
const WORST_MS = 1000;

const steps = new Steps();
try {
  const settings = readOptions();
  process.exitCode = await withStack(steps, (stack) => measure(stack, settings), SETTINGS);
} catch (error) {
  reportProblem(error);
  process.exitCode = 1;
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '10' },
      volume: { type: 'string', default: '100' },
      only: { type: 'string' },
    },
  });
  const [seconds, percent] = [Number(values.seconds), Number(values.volume)];
  if (!(seconds > 0)) throw new Problem(`--seconds takes a number above 0, got "${values.seconds}"`);
  if (!(percent > 0 && percent <= 100))
    throw new Problem(`--volume takes a percentage above 0 and up to 100, got "${values.volume}"`);
  const attacks = attacksNamed(values.only?.split(','));
  if (attacks.length === 0) throw new Problem(`--only names no attack, got "${values.only}"`);
  return { seconds, volume: percent / 100, attacks };
}

async function measure(stack, { attacks, ...settings }) {
  const campaign = await steps.run('Models of attacker and victim', () => Campaign.start(stack, settings));
  const measured = [];
  for (const attack of attacks) measured.push(await steps.run(attack.name, () => campaign.strike(attack)));
  return report(measured, settings);
}

function report(measured, settings) {
  const header = [
    ...['attack', 'the victim asks for', 'asked', 'refused', 'before: p50 ms', 'p99', 'worst'],
    ...['during: p50 ms', 'p99', 'worst', 'attacker was answered'],
  ];
  const lines = measured.flatMap(({ name, before, during, attacker }) =>
    Object.entries(during).map(([probe, { asked, refused, ...now }], at) => [
      ...[at ? '' : name, probe, asked, refused],
      ...[before[probe], now].flatMap((each) => [each.p50_ms, each.p99_ms, each.worst_ms]),
      at
        ? ''
        : Object.entries(attacker)
            .map(([status, count]) => `${count} x ${status}`)
            .join(', '),
    ]),
  );
  steps.say(`\n${table(header, lines)}\n`);
  const faults = measured.flatMap(faultsOf);
  for (const fault of faults) steps.say(fault);
  steps.say(writeResults('neighbours', { settings, measured }));
  return faults.length ? 1 : 0;
}

function faultsOf({ name, during }) {
  return Object.entries(during).flatMap(([probe, { refused, worst_ms, refusals }]) => [
    ...(refused ? [`${name}: ${probe} was refused ${refused} times: ${refusals.join('; ')}`] : []),
    ...(worst_ms >= WORST_MS ? [`${name}: ${probe} took ${worst_ms} ms`] : []),
  ]);
}
