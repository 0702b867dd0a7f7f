import type { JobEvent } from './job-event.js';

/** How a job ended. Exactly one of these for every run; only faults of the engine itself are thrown. */
export type ComputeOutcome =
  | { readonly type: 'succeeded'; readonly result: Record<string, unknown> }
  /** The job says why; the message is fit for its owner. */
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  /** The process ended without saying how: killed, out of memory, a fault in native code. */
  | {
      readonly type: 'crashed';
      readonly exitCode: number | null;
      /** Number of the signal that ended it. */
      readonly signal: number | null;
      /** Peak memory of the process, 0 when unknown. */
      readonly maxRssBytes: number;
      /**
       * What ended the process, where that is the job's own doing: a signal that native code raises by a fault, or its
       * need of memory. It is the same text whenever it is the same cause; null where the process may have been ended
       * from outside.
       */
      readonly cause: string | null;
      readonly message: string;
    }
  /** Asked to, the job has ended at a border of its work; another attempt goes on behind it. */
  | { readonly type: 'gave_way' }
  /** The caller's signal was raised; the process was killed. */
  | { readonly type: 'aborted' };

export interface RunOptions {
  /** What this job alone may know, by name, beside what every job of the engine may; it is told once the job runs. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Raising it kills the job. */
  readonly signal: AbortSignal;
  /** Raising it asks the job to end at the next border of its work, which not every kind of job has. */
  readonly giveWay?: AbortSignal;
  /** Called with every event in the order of `seq`. What it throws kills the job and rejects the run. */
  readonly onEvent: (event: JobEvent) => void;
  /**
   * Called once with the engine's own id of the job, before the job begins, which waits for it: so the id is kept
   * whatever happens to the caller. What it throws keeps the job from beginning and rejects the run.
   */
  readonly onAccepted?: (engineJobId: string) => Promise<void>;
}

/** Runs jobs: the same spec in, the same events and outcome back, wherever the process is. */
export interface ComputeEngine {
  /** What the rows of its jobs name it by. */
  readonly name: string;

  /**
   * Runs one attempt of a job to its end.
   * @param spec a document of contracts/*-spec.v1.schema.json; at least `job_id` and `attempt` are read here
   * @throws EngineUnavailable when no process could be started; the job has not run then
   */
  run(spec: object, options: RunOptions): Promise<ComputeOutcome>;
}

/** The engine cannot start jobs; the message says why, with the last lines of the process's own errors. */
export class EngineUnavailable extends Error {
  readonly code = 'ENGINE_UNAVAILABLE';
  override readonly name = 'EngineUnavailable';
}
