import { onEnding, onNpmGone } from '../../scripts/parts/ending.mjs';
import { installEverything } from '../../scripts/parts/install-everything.mjs';
import { reportProblem } from '../../scripts/parts/problem.mjs';
import { Steps } from '../../scripts/parts/steps.mjs';

/**
 * Runs a campaign of faults as a command, which ends with what it started, and with code 1 where something was lost.
 * @param storage folder or s3
 * @param work is given the steps, `say` for a line below them and `owns` to be told the stack that is to be stopped at
 *   the end; answers the losses
 */
export async function runCampaign(storage, work) {
  const steps = new Steps();
  const say = (line) => steps.say(`  ${line}`);
  let stack;
  const owns = (started) => (stack = started);
  const end = (code) => Promise.resolve(stack?.stop()).finally(() => process.exit(code));
  onEnding(
    () => end(130),
    () => process.exit(130), // the leashes end what is left
  );
  onNpmGone(() => end(130));
  try {
    await installEverything({ steps, say, needsS3: storage === 's3' });
    const losses = await work({ steps, say, owns });
    for (const loss of losses) steps.say(`  lost: ${loss}`);
    process.exit(losses.length ? 1 : 0);
  } catch (error) {
    reportProblem(error);
    await end(1);
  }
}
