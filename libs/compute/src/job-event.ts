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
  | { readonly type: 'warning'; readonly message: string };

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
