// Says as JSON what a process that runs models may do. It loads the runtime, and so fails where that cannot be loaded.
import { readdirSync, readFileSync } from 'node:fs';
import '../local-graph.js';
import type { Confinement } from './launcher.js';

const status = process.platform === 'linux' ? readFileSync('/proc/self/status', 'utf8') : '';
const found: Confinement = {
  getsNoNewPrivileges: /^NoNewPrivs:\s*1$/m.test(status),
  hasSeccompFilter: /^Seccomp:\s*2$/m.test(status),
  isRoot: process.getuid?.() === 0,
  readsAllFiles: canRead('/'),
};
process.stdout.write(`${JSON.stringify(found)}\n`, () => process.exit(0));

function canRead(folder: string): boolean {
  try {
    readdirSync(folder);
    return true;
  } catch {
    return false;
  }
}
