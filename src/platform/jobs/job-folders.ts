import { PLATFORM_BUCKET } from '../storage/grants.js';
import type { ObjectOwner } from '../storage/object-owners.js';
import type { AttemptRef } from './job-kind.js';

/**
 * What jobs keep between attempts, and what an attempt writes before it is published: useless once the job has ended.
 * A backup leaves it out, as a job that was running is claimed again after a restore and writes it anew.
 */
export const JOB_FOLDERS: ObjectOwner = {
  what: 'folders of open jobs',
  folder: { name: 'jobs', isContentAddressed: false, isBackedUp: false },
  kept: 'select tenant_id, id as name from jobs where ended_at is null',
};

/** Key of a job's folder in the platform's bucket, without a slash at its end. */
export function folderOfJob({ tenant, id }: { tenant: string; id: string }): string {
  return `${tenant}/${JOB_FOLDERS.folder.name}/${id}`;
}

/** Key of the folder where one attempt writes, and no other, without a slash at its end. */
export function folderOfAttempt(claim: AttemptRef): string {
  return `${folderOfJob(claim)}/attempts/${claim.attempt}`;
}

/** Where an attempt writes, as its engine is told; ends with a slash. */
export function outputOfAttempt(claim: AttemptRef): string {
  return `s3://${PLATFORM_BUCKET}/${folderOfAttempt(claim)}/`;
}
