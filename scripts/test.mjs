// npm test: every test of every language against real parts, from a fresh clone. npm test -- ARGUMENTS: Jest alone.
import './parts/node-version.mjs';
import { onEnding, onNpmGone } from './parts/ending.mjs';
import { installEverything } from './parts/install-everything.mjs';
import { inRoot } from './parts/paths.mjs';
import { reportProblem } from './parts/problem.mjs';
import { pythonWith } from './parts/python-environment.mjs';
import { Steps } from './parts/steps.mjs';
import { createTemplateDatabase } from './parts/template-database.mjs';
import { startTemporaryServices } from './parts/temporary-services.mjs';
import { summaryLine } from './parts/test-results.mjs';
import { runTests, testEnvironment, testRunners } from './parts/test-runners.mjs';

const steps = new Steps();
const say = (line) => steps.say(`  ${line}`);

// The tests may empty the Redis they use, so it is never the one of the developer's shell.
delete process.env.REDIS_URL;
if (process.env.MODELPLANE_TEST_REDIS_URL) process.env.REDIS_URL = process.env.MODELPLANE_TEST_REDIS_URL;

let services;
let ending = false;
async function end(code, lastLine) {
  if (ending) return;
  ending = true;
  await services?.stop();
  if (lastLine) steps.say(lastLine);
  process.exit(code);
}
onEnding(
  () => end(130),
  () => process.exit(130),
);
onNpmGone(() => end(130));

try {
  await installEverything({ steps, say, needsS3: true });
  await steps.run('PostgreSQL with a migrated template database, Redis and S3 for the tests', async () => {
    services = await startTemporaryServices({ say, withS3: true });
    await createTemplateDatabase(services);
  });
  const environment = testEnvironment(services);
  const jestArguments = process.argv.slice(2);
  if (jestArguments.length === 0)
    environment.MODELPLANE_TEST_FEAST_PYTHON = await steps.run('Feast, to compare features with', () =>
      pythonWith('feast', inRoot('test', 'feast', 'requirements.lock')),
    );
  const runners = testRunners(services.stateDir, jestArguments);
  const results = await runTests(jestArguments.length > 0 ? runners.slice(0, 1) : runners, environment, {
    folder: services.stateDir,
    say: (text) => steps.say(text),
  });
  steps.say();
  for (const result of results)
    steps.say(`${result.name}: ${summaryLine([result])}${result.crash ? ` (${result.crash})` : ''}`);
  await end(results.some((result) => result.failed) ? 1 : 0, summaryLine(results));
} catch (error) {
  if (!ending) reportProblem(error);
  // What could not be prepared has failed: the last line must not be missing, nor look like success.
  await end(1, '0 passed, 1 failed');
}
