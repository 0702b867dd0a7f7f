import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { spawnOnLeash } from './leash.mjs';
import { lastLines } from './log-files.mjs';
import { Problem } from './problem.mjs';

/** The full path of a program, or null. */
export function onPath(name) {
  for (const folder of (process.env.PATH ?? '').split(path.delimiter).filter(Boolean)) {
    const file = path.join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not here
    }
  }
  return null;
}

/**
 * Runs a program to its end and answers its whole output; `ok` is false when it failed or does not exist.
 * With `show`, what it writes also appears here as it comes. With `output`, a file descriptor, it goes there instead
 * and none of it is answered.
 */
export function run(file, args, { show = false, ...options } = {}) {
  return new Promise((resolve) => {
    let output = '';
    const child = spawnOnLeash(file, args, { graceMs: 2000, output: 'pipe', ...options });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8');
      stream?.on('data', (text) => {
        output += text;
        if (show) process.stdout.write(text);
      });
    }
    child.once('error', (error) => resolve({ ok: false, output: error.message, code: null }));
    child.once('close', (code, signal) => resolve({ ok: code === 0, output, code: code ?? signal }));
  });
}

/** Runs a program that must succeed; `failure` is the line to show when it does not. */
export async function mustRun(file, args, failure, options) {
  const { ok, output } = await run(file, args, options);
  if (!ok) throw new Problem(failure, lastLines(output, 25));
  return output;
}
