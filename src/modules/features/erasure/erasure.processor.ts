import { Injectable } from '@nestjs/common';
import { AttemptFiles } from '../../../platform/jobs/attempt-files.js';
import type { JobAttempt } from '../../../platform/jobs/job-attempt.js';
import { Handles, type JobHandler, type Outcome } from '../../../platform/jobs/job-handlers.js';
import type { AttemptRef } from '../../../platform/jobs/job-kind.js';
import { LogErasureService } from '../../prediction-log/log-erasure.service.js';
import { nameOf, type StoredView } from '../definitions/definitions.js';
import { ERASURE, type ErasureSpec } from './erasure-job.js';
import type { ErasedBody, ErasureCertificateBody, NotReachedBody } from './erasure.dto.js';
import { FileErasure } from './file-erasure.js';
import { OnlineErasure } from './online-erasure.js';

type ErasureAttempt = JobAttempt<ErasureSpec, ErasedBody>;

/** Erases one of an entity wherever the platform keeps features of it. */
@Injectable()
@Handles(ERASURE)
export class ErasureProcessor implements JobHandler<ErasureSpec, ErasedBody, ErasureCertificateBody> {
  constructor(
    private readonly online: OnlineErasure,
    private readonly files: FileErasure,
    private readonly log: LogErasureService,
    private readonly attemptFiles: AttemptFiles,
  ) {}

  /** What is erased stays so, whatever comes after: another attempt goes on counting where this one ended. */
  async run(attempt: ErasureAttempt): Promise<Outcome<ErasureCertificateBody>> {
    const { tenant } = attempt.claim;
    const { entity, key } = attempt.job.spec;
    const erased = attempt.job.progress ?? {
      ...{ online: [], pushed_rows: [], files: [] },
      prediction_log: { requests_deleted: 0, rows_emptied: 0 },
    };
    const tell = () => attempt.report({ type: 'progress', progress: erased, metrics: {} });

    const views = await this.online.viewsOf(tenant, entity);
    // Before the files are listed: a row that is gone from here by another way is in one of them.
    for (const view of views) {
      const rows = await this.online.erasePushed(tenant, view, key);
      if (rows > 0) erased.pushed_rows.push({ view: view.name, version: view.version, rows });
    }
    const outcome = await this.files.erase(attempt, (file) => erased.files.push(file));
    tell();
    if (outcome.type !== 'succeeded') return outcome;
    for (const view of views) {
      const values = await this.online.erase(tenant, view, key);
      if (values > 0) erased.online.push({ view: view.name, version: view.version, values });
    }
    tell();
    await this.log.erase(tenant, subjectOf(attempt.job.spec), attempt.signal, (found) => {
      erased.prediction_log.requests_deleted += found.requestsDeleted;
      erased.prediction_log.rows_emptied += found.rowsEmptied;
      tell();
    });
    if (attempt.stopReason) return { type: 'aborted' };
    const certificate = {
      ...erased,
      erased_at: new Date().toISOString(),
      not_reached: notReached(views),
    };
    return { type: 'succeeded', metrics: {}, commit: () => Promise.resolve(certificate) };
  }

  cleanUp(claim: AttemptRef): Promise<void> {
    return this.attemptFiles.clear(claim);
  }
}

function subjectOf({ key, id_column: feature }: ErasureSpec) {
  const [value] = Object.values(key);
  return { keys: key, id: feature === null ? null : { feature, value: value! } };
}

function notReached(views: readonly StoredView[]): NotReachedBody[] {
  const paths = [...new Set(views.map(({ source }) => source.path))];
  const sources = paths.map((path) => {
    const readers = views.filter(({ source }) => source.path === path).map(nameOf);
    const why = `read by ${readers.join(', ')}: rows that stay there come back with the next materialization`;
    return { what: 'source' as const, path, why };
  });
  return [
    ...sources,
    {
      what: 'models',
      path: null,
      why: 'versions of models that were trained on rows of it, with the background rows that they keep for explanations: train them again, and delete them',
    },
    {
      what: 'requests',
      path: null,
      why: 'requests of jobs that name it, such as inline rows of historical sets, and this erasure itself: they go when the jobs do',
    },
    {
      what: 'copies',
      path: null,
      why: 'exports of the prediction log and outputs of batches in the tenant’s own folders, and backups made before',
    },
  ];
}
