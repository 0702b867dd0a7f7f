import { Injectable } from '@nestjs/common';
import { type ComputeEngine, EngineUnavailable, type JobEvent } from '#libs/compute';
import { AppLogger } from '../observability/logger.js';
import type { JobAttempt } from '../jobs/job-attempt.js';
import { StorageLocation } from '../storage/storage-location.js';
import type { ComputeContract } from './compute-contract.js';
import { EmbeddedEngine } from './embedded-engine.js';

/** How a run ended; all but a success are outcomes of the job as they stand. */
export type RunOutcome<Result> =
  | { type: 'succeeded'; result: Result }
  | { type: 'failed'; code: string; message: string }
  | { type: 'crashed'; cause: string | null; message: string }
  | { type: 'gave_way' }
  | { type: 'aborted' };

/** The one way to run a job on an engine, whatever its kind. */
@Injectable()
export class Compute {
  private readonly engines: ReadonlyMap<string, ComputeEngine>;

  constructor(
    embedded: EmbeddedEngine,
    private readonly storage: StorageLocation,
    private readonly logger: AppLogger,
  ) {
    this.engines = new Map([[embedded.name, embedded]]);
  }

  /**
   * Runs a spec on the engine that the job's row names, to its end. What the engine says is reported to the attempt,
   * its own id of the job is kept before the job begins, and the attempt's signals end the job or ask it to give way. An engine that is away
   * fails the job with ENGINE_UNAVAILABLE, which is tried again like any failure that passes.
   * @param body the spec without what every spec begins with: version, kind, job, attempt, trace and storage
   * @param secrets by name, what the job needs and no spec may hold
   * @throws Error where the spec, the progress or the result is not what the contract says
   */
  async run<Progress, Result>(
    attempt: JobAttempt<unknown, Progress>,
    contract: ComputeContract<Progress, Result>,
    body: object,
    secrets: Readonly<Record<string, string>> = {},
  ): Promise<RunOutcome<Result>> {
    const { job, claim, signal, giveWay } = attempt;
    const spec = {
      spec_version: 1,
      kind: contract.kind,
      job_id: claim.id,
      attempt: claim.attempt,
      trace_parent: job.traceParent,
      storage: this.storage.spec,
      ...body,
    };
    contract.refuseUnfit(spec);
    try {
      const outcome = await this.engineOf(job.engine).run(spec, {
        signal,
        giveWay,
        secrets,
        onEvent: (event) => report(attempt, contract, event),
        onAccepted: (engineJobId) => attempt.keepEngineJobId(engineJobId),
      });
      return outcome.type === 'succeeded'
        ? { type: 'succeeded', result: contract.result(outcome.result) }
        : outcome;
    } catch (error) {
      if (!(error instanceof EngineUnavailable)) throw error;
      this.logger.failure('engine unavailable', error, { engine: job.engine });
      return {
        type: 'failed',
        code: error.code,
        message: `The engine ${job.engine}, which runs jobs, is not available.`,
      };
    }
  }

  private engineOf(name: string): ComputeEngine {
    const engine = this.engines.get(name);
    if (!engine) throw new EngineUnavailable(`no engine of the name ${name} is configured`);
    return engine;
  }
}

function report<Progress>(
  attempt: JobAttempt<unknown, Progress>,
  contract: ComputeContract<Progress, unknown>,
  { job_id: _job, attempt: _attempt, seq: _seq, ...said }: JobEvent,
): void {
  switch (said.type) {
    case 'succeeded':
    case 'failed':
    case 'gave_way':
      // How the job ended is the run's outcome, and is written with the row's end.
      return;
    case 'progress': {
      const { type, metrics, ...fields } = said;
      return attempt.report({ type, metrics, progress: contract.progress(fields) });
    }
    default:
      return attempt.report(said);
  }
}
