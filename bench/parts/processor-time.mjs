import { readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100; // what Linux shows to programs (USER_HZ), whatever the kernel uses itself

/** Processor seconds that a process has used with all its threads, proc(5); NaN where there is no /proc. */
export function processorSeconds(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND; // utime, stime
  } catch {
    return NaN;
  }
}
