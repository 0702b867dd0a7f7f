// Records predictions until it is killed: node log-victim.mjs <state directory> <flush ms>, MODELPLANE_DATABASE_SYSTEM_URL set
import { setImmediate as turn } from 'node:timers/promises';
import { openLog, prediction } from './log-under-test.mjs';

const [stateDir, flushMs] = process.argv.slice(2);
const systemUrl = process.env.MODELPLANE_DATABASE_SYSTEM_URL;
const { log } = await openLog({ systemUrl, stateDir, settings: { flushMs: Number(flushMs) } });
process.stdout.write('recording\n');
for (let number = 0; ; number++) {
  log.record(prediction(number));
  if (number % 5 === 0) await turn();
}
