import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { inRoot } from './paths.mjs';
import { Problem, reportProblem } from './problem.mjs';

/** Writes a file that is derived from the code, or with --check says where it is out of step. */
export async function writeOrCheck({ name, text, remedy }) {
  try {
    const wanted = await text();
    const file = inRoot(name);
    if (!process.argv.includes('--check')) {
      writeFileSync(file, wanted);
    } else {
      const difference = firstDifference(existsSync(file) ? readFileSync(file, 'utf8') : null, wanted);
      if (difference) throw new Problem(`${name} is out of step with the code (${difference}): ${remedy}`);
    }
    // Modules of the application may have opened something that would keep this process alive.
    process.exit(0);
  } catch (error) {
    reportProblem(error);
    process.exit(1);
  }
}

/** Names the first line that differs; null when the texts are equal. */
export function firstDifference(have, want) {
  if (have === want) return null;
  if (have === null) return 'the file does not exist';
  const haveLines = have.split('\n');
  const wantLines = want.split('\n');
  const at = wantLines.findIndex((line, index) => line !== haveLines[index]);
  const line = at < 0 ? wantLines.length : at;
  const quoted = (text) => (text === undefined ? 'nothing' : `"${text.trim()}"`);
  return `line ${line + 1}: the file has ${quoted(haveLines[line])}, the code says ${quoted(wantLines[line])}`;
}
