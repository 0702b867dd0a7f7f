import { join } from 'node:path';
import { chooseLauncher, type Confinement, filesOfHosts } from '#libs/inference';
import { PROJECT_ROOT } from '../../config/project.js';
import type { AppLogger } from '../observability/logger.js';

const CONFINE = join(PROJECT_ROOT, 'trainer', 'src', 'modelplane_trainer', 'confine.py');
const NOBODY = '65534';

/**
 * The command that takes from a process of an uploaded model what it does not need: the trainer's where there is a
 * Python, else `setpriv` of util-linux, else none. What holds is logged, and warned of where something is missing.
 * @param python path of the interpreter
 */
export async function confinedLauncher(python: string, logger: AppLogger): Promise<readonly string[]> {
  const isRoot = process.getuid?.() === 0;
  const asNobody = ['--reuid', NOBODY, '--regid', NOBODY, '--clear-groups'];
  const chosen = await chooseLauncher([
    [python, '-I', '-S', CONFINE, ...filesOfHosts(), '--'],
    ...(isRoot ? [['setpriv', '--no-new-privs', ...asNobody]] : []),
    ['setpriv', '--no-new-privs'],
    [],
  ]);
  if (!chosen) {
    logger.error('no process of an uploaded model can be started here');
    return [];
  }
  const missing = missingOf(chosen.confinement);
  if (missing.length > 0) logger.warn('uploaded models are confined in part', { missing });
  else logger.info('uploaded models are confined');
  return chosen.launcher;
}

function missingOf({ getsNoNewPrivileges, hasSeccompFilter, isRoot, readsAllFiles }: Confinement): string[] {
  return [
    ...(getsNoNewPrivileges ? [] : ['they may get new privileges']),
    ...(hasSeccompFilter ? [] : ['no seccomp filter']),
    ...(isRoot ? ['they run as root'] : []),
    ...(readsAllFiles ? ['they may read all files that their user may'] : []),
  ];
}
