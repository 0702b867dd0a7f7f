import { readdirSync, readFileSync } from 'node:fs';

/** Rarely: to look is work, for which what is measured has to wait. */
const EVERY_MS = 250;

/** Samples the memory of a process and all below it until stopped; bytes, proc(5), zeros where there is no /proc. */
export class PeakMemory {
  /** Of the largest process that was not there before: the most that was resident, with pages that it shares. */
  peak_bytes = 0;
  /** Of the root and all below it together, each shared page counted once. */
  together_bytes = 0;

  /** @param before processes that are only part of `together_bytes` */
  constructor(rootPid, before = []) {
    this.rootPid = rootPid;
    this.before = new Set(before);
    this.timer = setInterval(() => this.sample(), EVERY_MS);
  }

  stop() {
    clearInterval(this.timer);
    const { peak_bytes, together_bytes } = this;
    return { peak_bytes, together_bytes };
  }

  sample() {
    let together = 0;
    for (const pid of below(this.rootPid)) {
      if (!this.before.has(pid))
        this.peak_bytes = Math.max(this.peak_bytes, kilobytes(`/proc/${pid}/status`, 'VmHWM'));
      together += kilobytes(`/proc/${pid}/smaps_rollup`, 'Pss');
    }
    this.together_bytes = Math.max(this.together_bytes, together);
  }
}

/** A process and all its descendants. */
export function below(root) {
  const children = new Map();
  for (const name of safely(() => readdirSync('/proc'), [])) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(name);
    if (parent) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found = [];
  for (const waiting = [root]; waiting.length > 0;) {
    const pid = waiting.pop();
    found.push(pid);
    waiting.push(...(children.get(pid) ?? []));
  }
  return found;
}

function parentOf(pid) {
  const stat = safely(() => readFileSync(`/proc/${pid}/stat`, 'utf8'), '');
  return Number(stat.split(') ').at(-1)?.split(' ')[1]) || 0;
}

function kilobytes(file, field) {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(safely(() => readFileSync(file, 'utf8'), ''));
  return found ? Number(found[1]) * 1024 : 0;
}

/** A process may be gone by the time it is looked at. */
function safely(read, otherwise) {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
