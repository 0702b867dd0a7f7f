import type { Job } from './job.entity.js';
import type { JobKind } from './job-kind.js';
import type { JobBody, ListedJobBody } from './jobs.dto.js';

/** What every kind of job tells of itself. */
export function toJobBody(job: Job): JobBody {
  return {
    job_id: job.id,
    status: job.status,
    error: job.errorCode ? { code: job.errorCode, message: job.errorMessage ?? '' } : null,
    warnings: job.warnings,
    submitted_by: job.submittedBy,
    api_key: job.apiKey,
    rerun_of: job.rerunOf,
    queue_position: job.queuePosition ?? null,
    attempt: job.attempt,
    cancel_requested: job.cancelRequestedAt !== null,
    created_at: job.createdAt.toISOString(),
    started_at: job.startedAt && job.startedAt.toISOString(),
    updated_at: job.updatedAt.toISOString(),
    ended_at: job.endedAt && job.endedAt.toISOString(),
  };
}

/** @param kind undefined for jobs of a kind that this release does not know */
export function toListedJobBody(job: Job, kind: JobKind | undefined): ListedJobBody {
  const collection = kind?.collection ?? null;
  return {
    ...toJobBody(job),
    kind: job.kind,
    parent_id: job.parentId,
    links: { self: collection && `${collection}/${job.id}`, collection },
  };
}

/** What kinds that train tell beside: what their engine measured, and what it uses. */
export function toTrainedBody(job: Job) {
  return {
    metrics: job.metrics,
    resources: {
      workers: job.resources.workers ?? 0,
      gpus: job.resources.gpus ?? 0,
      duration_minutes: durationMinutes(job),
    },
    engine: job.engine,
    engine_job_id: job.engineJobId,
  };
}

/** Time since a job was first started, in minutes, up to its end. */
export function durationMinutes({ startedAt, endedAt }: Job): number {
  if (!startedAt) return 0;
  const minutes = ((endedAt ?? new Date()).getTime() - startedAt.getTime()) / 60_000;
  return Math.max(0, Math.round(minutes * 1000) / 1000);
}
