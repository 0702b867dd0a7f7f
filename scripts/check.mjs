// npm run check: everything that can be wrong without a test noticing; all checks run even if one fails.
import './parts/node-version.mjs';
import { checks } from './parts/checks.mjs';
import { onEnding } from './parts/ending.mjs';
import { installEverything } from './parts/install-everything.mjs';
import { reportProblem } from './parts/problem.mjs';
import { Steps } from './parts/steps.mjs';

const steps = new Steps();
const say = (line) => steps.say(`  ${line}`);

onEnding(
  () => process.exit(130),
  () => process.exit(130),
);

try {
  await installEverything({ steps, say, needsBuild: false });
  const outcomes = [];
  const lane = async (items) => {
    for (const { label, work } of items) outcomes.push(await steps.check(label, work));
  };
  await Promise.all(checks({ say }).map(lane));
  const failed = outcomes.filter((ok) => !ok).length;
  steps.say(
    failed ? `${failed} of ${outcomes.length} checks failed` : `All ${outcomes.length} checks passed`,
  );
  process.exit(failed ? 1 : 0);
} catch (error) {
  reportProblem(error);
  process.exit(1);
}
