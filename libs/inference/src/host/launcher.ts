import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { compiled } from './compiled.js';

/** What a process that runs models may do. */
export interface Confinement {
  /** Whether nothing that it executes gives it more rights (`no_new_privs`). */
  readonly getsNoNewPrivileges: boolean;
  readonly hasSeccompFilter: boolean;
  readonly isRoot: boolean;
  /** Whether it may read what it does not need, as far as its user may. */
  readonly readsAllFiles: boolean;
}

const PROBE_TIMEOUT_MS = 30_000;

/**
 * The first of some launchers that a process which runs models starts with here, and what such a process may do;
 * undefined where it starts with none of them.
 * @param launchers commands that become the command which follows them; an empty one starts it as it is
 */
export async function chooseLauncher(
  launchers: readonly (readonly string[])[],
): Promise<{ readonly launcher: readonly string[]; readonly confinement: Confinement } | undefined> {
  for (const launcher of launchers) {
    const [program, ...rest] = [...launcher, process.execPath, compiled('probe.js')];
    try {
      const { stdout } = await promisify(execFile)(program!, rest, {
        cwd: '/',
        env: {},
        timeout: PROBE_TIMEOUT_MS,
      });
      return { launcher, confinement: JSON.parse(stdout) as Confinement };
    } catch {
      // This one is not there, or takes something from the process that it needs.
    }
  }
  return undefined;
}
