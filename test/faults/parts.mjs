import { readdirSync } from 'node:fs';
import { commandLine, gone, parentOf, processIdentity } from '../../scripts/parts/process-identity.mjs';
import { WORKERS } from './stack.mjs';

/** What can be hit, and `seaweedfs` where objects lie on S3; of a study also `trial`. */
export const PARTS = ['api', 'worker', 'trainer', 'job', 'redis', 'postgres'];

const OF_A_JOB = ['worker', 'trainer', 'job', 'trial'];

const isPython = (pid) => commandLine(pid).includes('modelplane_trainer');

/** A process and everything below it, parents first. */
function family(pid) {
  const children = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(Number(name));
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const all = [pid];
  for (const each of all) all.push(...(children.get(each) ?? []));
  return all;
}

/** The Pythons below a worker: the warm one, and those that it forked for jobs. */
const pythons = (worker) => (worker ? family(worker).filter(isPython) : []);

/** Whether any worker has forked a process for a job. */
export const isTraining = ({ supervisor }) =>
  WORKERS.some((name) => pythons(supervisor.pid(name)).length > 1);

/**
 * The process of a part and everything below it, or none while it does not run. Of the workers it is the one that
 * holds the job; `trainer` is the warm Python below it, `job` the process that it forked, `trial` one that this forked.
 */
async function processesOf({ supervisor, ledger }, part, jobId) {
  if (!OF_A_JOB.includes(part)) return supervisor.pid(part) ? family(supervisor.pid(part)) : [];
  const pids = WORKERS.map((name) => supervisor.pid(name)).filter(Boolean);
  const holder = await ledger.holderOf(jobId);
  const worker = pids.includes(holder) ? holder : pids[0];
  if (part === 'worker') return worker ? family(worker) : [];
  const [trainer, job, trial] = pythons(worker);
  const wanted = { trainer, job, trial }[part];
  return wanted ? family(wanted) : [];
}

/**
 * Kills a part with -9, and only its own process: what it started has to end by itself.
 * @returns ids of what is still there 10 s later, which nobody owns any more; null where the part did not run
 */
export async function kill(stack, part, jobId) {
  const ids = await processesOf(stack, part, jobId);
  if (!ids.length) return null;
  const known = ids.map((id) => [id, processIdentity(id)]);
  process.kill(ids[0], 'SIGKILL');
  const left = [];
  for (const [id, identity] of known) {
    if (identity && processIdentity(id) === identity && !(await gone(id, 10_000))) left.push(id);
  }
  return left;
}

/** Stops a part and everything below it for a while, as a machine that swaps or a network that hangs does. */
export async function pause(stack, part, jobId, milliseconds) {
  const ids = await processesOf(stack, part, jobId);
  if (!ids.length) return null;
  for (const id of ids) signal(id, 'SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  for (const id of ids) signal(id, 'SIGCONT');
  return [];
}

function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch {
    // It ended in the meantime.
  }
}

/** Processes of this stack, by the folder that they were told. */
export function processesOn(stateDir) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => commandLine(Number(name)).includes(stateDir))
    .map(Number);
}
