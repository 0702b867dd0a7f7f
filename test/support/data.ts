import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { madeOnce } from './made-once.js';
import { required } from './service.js';

const run = promisify(execFile);
const TRAINER = resolve(__dirname, '../../trainer/src');

/** Runs the Python of the trainer; what it prints. */
export async function python(args: string[], timeoutMs = 60_000): Promise<string> {
  const { stdout } = await run(required('MODELPLANE_PYTHON'), args, {
    env: { ...process.env, PYTHONPATH: TRAINER, OMP_NUM_THREADS: '1' },
    timeout: timeoutMs,
    maxBuffer: 2 ** 26,
  });
  return stdout;
}

/**
 * The files that test/support/make_data.py makes: customers who churn or not, in the terms of the API document.
 * @returns contents by file name
 */
export async function makeData(...names: string[]): Promise<Record<string, Buffer>> {
  const folder = await madeOnce('data', async (target) => {
    await python([join(__dirname, 'make_data.py'), target]);
    await python([join(__dirname, 'make_dated_data.py'), target]);
  });
  const files = names.map(async (name) => [name, await readFile(join(folder, name))] as const);
  return Object.fromEntries(await Promise.all(files));
}

/** What the Python pipeline itself, not its ONNX export, answers for rows after training as `spec` says. */
export async function referenceAnswers(
  spec: object,
  rows: object[],
): Promise<{ label?: unknown; probabilities?: number[]; value?: number }[]> {
  const folder = await mkdtemp(join(tmpdir(), 'modelplane-reference-'));
  try {
    const [specFile, rowsFile] = [join(folder, 'spec.json'), join(folder, 'rows.jsonl')];
    await writeFile(specFile, JSON.stringify(spec));
    await writeFile(rowsFile, rows.map((row) => JSON.stringify(row)).join('\n'));
    const output = await python([
      '-m',
      'modelplane_trainer',
      'reference',
      '--spec',
      specFile,
      '--rows',
      rowsFile,
    ]);
    return output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
