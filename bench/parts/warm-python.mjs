import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { inRoot, TRAINER_PYTHON } from '../../scripts/parts/paths.mjs';
import { Problem } from '../../scripts/parts/problem.mjs';

export const PLAIN_SCRIPT = inRoot('bench', 'plain_training.py');

// As many threads as the local engine gives a job that asks for none.
const ENVIRONMENT = { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' };

/** A Python that has imported its libraries and fits a case when asked; it ends with its standard input. */
export class WarmPython {
  constructor(name, file) {
    this.process = spawn(TRAINER_PYTHON, [PLAIN_SCRIPT, 'fit', name, file], {
      env: ENVIRONMENT,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  async fit() {
    this.process.stdin.write('fit\n');
    const { value } = await this.lines.next();
    if (!value) throw new Problem('The Python beside us has ended');
    return JSON.parse(value);
  }

  end() {
    this.process.stdin.end();
  }
}
