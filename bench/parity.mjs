// node bench/parity.mjs [--seeds 2] [--only iris] [--estimators lightgbm,mlp]: every estimator on some sixty data sets.
import { inRoot } from '../scripts/parts/paths.mjs';
import { reportProblem } from '../scripts/parts/problem.mjs';
import { run } from '../scripts/parts/programs.mjs';
import { Steps } from '../scripts/parts/steps.mjs';
import { pythonWith } from '../scripts/parts/python-environment.mjs';

const script = (name) => inRoot('bench', 'parity', name);

try {
  const python = await new Steps().run('Python with data sets, in an environment of its own', () =>
    pythonWith('parity', script('requirements.lock')),
  );
  const args = [script('parity_datasets.py'), ...process.argv.slice(2)];
  process.exitCode = (await run(python, args, { show: true })).ok ? 0 : 1;
} catch (error) {
  reportProblem(error);
  process.exitCode = 1;
}
