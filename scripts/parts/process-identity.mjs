import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * A text that stays the same while a process lives and differs for any later process with the same id;
 * null when there is none, or only a zombie. Process ids alone come back after a restart of the machine.
 */
export function processIdentity(pid) {
  if (process.platform === 'linux') {
    try {
      // The second field is the name in brackets and may hold spaces; fields are counted after it.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
      return 'ZX'.includes(fields[0]) ? null : `${pid}@${fields[19]}`;
    } catch {
      return null;
    }
  }
  const line = spawnSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
    encoding: 'utf8',
  }).stdout?.trim();
  return !line || line.startsWith('Z') ? null : `${pid}@${line.replace(/^\S+\s+/, '')}`;
}

/** The command line of a process, or '' when there is none. */
export function commandLine(pid) {
  if (process.platform === 'linux') {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    } catch {
      return '';
    }
  }
  return spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim() ?? '';
}

/** Waits until a process is gone; false when it is still there after `ms`. */
export async function gone(pid, ms) {
  for (const end = Date.now() + ms; Date.now() < end;) {
    if (!processIdentity(pid)) return true;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  return !processIdentity(pid);
}

/** The id of the process that started another; 0 when there is none. */
export function parentOf(pid) {
  if (process.platform === 'linux') {
    try {
      return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ')[1]);
    } catch {
      return 0;
    }
  }
  return Number(spawnSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' }).stdout ?? 0);
}
