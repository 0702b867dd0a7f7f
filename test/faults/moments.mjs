import { readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isTraining } from './parts.mjs';
import { TENANT } from './stack.mjs';

const LONGEST_MS = 30_000;

const status = async ({ caller }, jobId) => (await caller.once('GET', `/api/v1/training/${jobId}`)).body;

function names(stack, ...folder) {
  try {
    return readdirSync(path.join(stack.objectsDir, 'modelplane', TENANT, ...folder));
  } catch {
    return [];
  }
}

const attemptFiles = (stack, jobId) =>
  names(stack, 'jobs', jobId, 'attempts').flatMap((attempt) =>
    names(stack, 'jobs', jobId, 'attempts', attempt),
  );

/** How it is seen that a job has come to a moment of its life; `before` is what was there when it was submitted. */
const SIGNS = {
  submitted: () => true,
  claimed: async (stack, jobId) => (await status(stack, jobId))?.status === 'running',
  reading: isTraining,
  training: async (stack, jobId) => Boolean((await status(stack, jobId))?.progress),
  exporting: (stack, jobId) => attemptFiles(stack, jobId).length > 0,
  publishing: (stack, _, before) => names(stack, 'artifacts').length > before.artifacts,
  committing: (stack, _, before) => names(stack, 'artifacts').length > before.artifacts + 1,
  ended: async (stack, jobId) => hasEnded(await status(stack, jobId)),
};

export const MOMENTS = Object.keys(SIGNS);

export const hasEnded = (job) => ['succeeded', 'failed', 'cancelled'].includes(job?.status);

export const before = (stack) => ({ artifacts: names(stack, 'artifacts').length });

/** Waits until a job has come to a moment; one that is over before it is seen is as good as any other moment. */
export async function untilMoment(stack, moment, jobId, seenBefore) {
  const isThere = SIGNS[moment];
  let tries = 0;
  for (const end = Date.now() + LONGEST_MS; Date.now() < end; await sleep(1)) {
    if (await isThere(stack, jobId, seenBefore)) return;
    // Files come and go faster than the service is asked.
    if (++tries % 50 === 0 && hasEnded(await status(stack, jobId))) return;
  }
  throw new Error(`job ${jobId} never came to the moment "${moment}"`);
}
