import { setTimeout as sleep } from 'node:timers/promises';
import { isTraining } from './parts.mjs';
import { TENANT } from './stack.mjs';

const LONGEST_MS = 30_000;

const status = async ({ caller }, jobId) => (await caller.once('GET', `/api/v1/training/${jobId}`)).body;

/** Keys under a folder of the tenant's; none while the store is away. */
async function keys({ objects }, ...folder) {
  const prefix = [TENANT, ...folder, ''].join('/');
  const page = await objects.list({ bucket: 'modelplane', prefix }).catch(() => ({ objects: [] }));
  return page.objects.map(({ key }) => key);
}

const artifacts = async (stack) => (await keys(stack, 'artifacts')).length;

/** How it is seen that a job has come to a moment of its life; `before` is what was there when it was submitted. */
const SIGNS = {
  submitted: () => true,
  claimed: async (stack, jobId) => (await status(stack, jobId))?.status === 'running',
  reading: isTraining,
  training: async (stack, jobId) => Boolean((await status(stack, jobId))?.progress),
  exporting: async (stack, jobId) => (await keys(stack, 'jobs', jobId, 'attempts')).length > 0,
  publishing: async (stack, _, before) => (await artifacts(stack)) > before.artifacts,
  committing: async (stack, _, before) => (await artifacts(stack)) > before.artifacts + 1,
  ended: async (stack, jobId) => hasEnded(await status(stack, jobId)),
};

export const MOMENTS = Object.keys(SIGNS);

export const hasEnded = (job) => ['succeeded', 'failed', 'cancelled'].includes(job?.status);

export const before = async (stack) => ({ artifacts: await artifacts(stack) });

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
