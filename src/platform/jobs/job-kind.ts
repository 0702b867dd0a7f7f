/** A sort of long-running work: one queue, one handler. */
export interface JobKind {
  /** Name of the kind and of its queue. */
  readonly name: string;
  /** What its ids begin with. */
  readonly prefix: string;
}

/** All that a queue carries: the row has the rest. */
export interface JobRef {
  readonly tenant: string;
  readonly id: string;
}
