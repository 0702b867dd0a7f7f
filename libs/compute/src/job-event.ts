interface EventHeader {
  readonly job_id: string;
  readonly attempt: number;
  /** Starts at 1 in every attempt and grows by 1. */
  readonly seq: number;
}

/** What a job of any kind may say while it runs. */
export type JobReport =
  | { readonly type: 'started'; readonly workers: number; readonly gpus: number }
  | { readonly type: 'log'; readonly level: 'info' | 'warning' | 'error'; readonly message: string }
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'trial'; readonly trial: TrialReport };

/** A trial of a study has begun or ended: `trial` of the contract. */
export interface TrialReport {
  readonly number: number;
  readonly state: 'running' | 'succeeded' | 'pruned' | 'failed';
  readonly origin: 'suggested' | 'initial';
  readonly parameters: Readonly<Record<string, unknown>>;
  /** One an objective, of a trial that has succeeded. */
  readonly values: readonly number[] | null;
  readonly feasible: boolean | null;
  readonly metrics: Readonly<Record<string, number | null>>;
  readonly steps: readonly { readonly step: number; readonly value: number }[];
  readonly started_at: string;
  readonly ended_at: string | null;
  readonly duration_seconds: number | null;
  readonly tries: number;
  readonly reason: string | null;
}

/** How far a job is; the other fields are those of its kind of work, one of the definitions of the contract. */
export interface ProgressReport {
  readonly type: 'progress';
  readonly metrics: Readonly<Record<string, number | null>>;
  readonly [field: string]: unknown;
}

/** contracts/job-event.v1.schema.json */
export type JobEvent = EventHeader &
  (
    | JobReport
    | ProgressReport
    | { readonly type: 'succeeded'; readonly result: Record<string, unknown> }
    | { readonly type: 'gave_way' }
    | { readonly type: 'failed'; readonly code: string; readonly message: string }
  );
