import type { ClassConstructor } from 'class-transformer';
import { type Config, JobsConfig } from '../../config/index.js';
import type { Job } from './job.entity.js';
import { fieldsOf, parseSpec, UnreadableSpec } from './job-spec.js';

/** Names a job: all that a queue carries, because the row has the rest. */
export interface JobRef {
  readonly tenant: string;
  readonly id: string;
}

/** Names one attempt of a job. What is written in its name changes nothing once another attempt has begun. */
export interface AttemptRef extends JobRef {
  readonly attempt: number;
}

/** What a job takes of the worker that runs it. */
export interface JobNeeds {
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** How an installation runs the jobs of one kind. */
export interface JobLimits extends JobNeeds {
  /** Jobs of the kind that one worker runs at once, beside one of a tenant that runs nothing. */
  readonly concurrency: number;
  readonly maxRunSeconds: number;
  /** How long a job is kept once it has ended. */
  readonly keptSeconds: number;
}

/** Limits of a kind by the settings of its own; its rows are kept for as long as those of most kinds. */
export function configuredLimits(
  config: Config,
  { concurrency, maxRunSeconds, memoryBytes }: Omit<JobLimits, 'cpus' | 'keptSeconds'>,
  cpus = 1,
): JobLimits {
  const { keptSeconds } = config.get(JobsConfig);
  return { concurrency, maxRunSeconds, memoryBytes, cpus, keptSeconds };
}

export interface JobKindDeclaration<Spec extends object, Summary extends object> {
  /** Name of the kind and of its queue. */
  readonly name: string;
  /** What the ids of its jobs begin with. */
  readonly prefix: string;
  /**
   * Class of the spec, with the decorators of class-validator. Rows are kept for long: a field that is added later has
   * to be optional.
   */
  readonly spec: ClassConstructor<Spec>;
  /** Class of the part of the spec that answers show; lists read no more of it. */
  readonly summary: ClassConstructor<Summary>;
  /**
   * The request as it was understood, with the choices made and the defaults filled in, in the fields of the kind's POST:
   * what the answer about one job shows. The whole spec unless this says otherwise.
   */
  request?(spec: Spec): object;
  /** Path of the kind's own routes, such as `/api/v1/training`; absent for a kind that has none. */
  readonly collection?: string;
  /**
   * CPUs and memory of the limits are those of a job whose spec asks for none, at most all that the worker has: a kind
   * that takes none is bounded by its concurrency alone.
   */
  limits(config: Config): JobLimits;
  /** What a job asks for by its spec instead. A worker never runs one that asks for more memory than it has. */
  needs?(spec: Spec): Partial<JobNeeds>;
  /** Whether its jobs write what counts against the tenant's quota: none is submitted past it. */
  readonly writes?: boolean;
  /** Whether a job can be paused and go on later with what it has. */
  readonly canPause?: boolean;
  /**
   * Whether a running job can end its attempt at a border of its work, such as between parts, and another attempt go on
   * behind it: so it lets in the job of a tenant that runs nothing. Each attempt gets at least to its next border.
   */
  readonly canGiveWay?: boolean;
  /** Whether somebody waits for the end: a failure that may pass is told at once instead of being tried again. */
  readonly isAwaited?: boolean;
}

/**
 * A sort of long-running work, declared once by the module that does it. `Progress` and `Result` are what its handler
 * reports and returns: nobody else writes them.
 */
export class JobKind<
  Spec extends object = object,
  Progress = unknown,
  Result = unknown,
  Summary extends object = Spec,
> {
  readonly name: string;
  readonly prefix: string;
  readonly collection: string | undefined;
  readonly canPause: boolean;
  readonly canGiveWay: boolean;
  readonly writes: boolean;
  readonly isAwaited: boolean;
  /** Fields of the spec that `readSummary` needs. */
  readonly summaryFields: readonly string[];

  constructor(private readonly declaration: JobKindDeclaration<Spec, Summary>) {
    this.name = declaration.name;
    this.prefix = declaration.prefix;
    this.collection = declaration.collection;
    this.canPause = declaration.canPause ?? false;
    this.canGiveWay = declaration.canGiveWay ?? false;
    this.writes = declaration.writes ?? false;
    this.isAwaited = declaration.isAwaited ?? false;
    this.summaryFields = fieldsOf(declaration.summary);
  }

  limits(config: Config): JobLimits {
    return this.declaration.limits(config);
  }

  needs(spec: Spec): Partial<JobNeeds> {
    return this.declaration.needs?.(spec) ?? {};
  }

  /** The request of the row as it was understood, or null where another release wrote it and this one cannot read it. */
  understood(row: Job): object | null {
    try {
      const { spec } = this.read(row);
      return this.declaration.request?.(spec) ?? spec;
    } catch (error) {
      if (error instanceof UnreadableSpec) return null;
      throw error;
    }
  }

  /** @throws UnreadableSpec where the row's spec is not one of this kind */
  read(row: Job): Job<Spec, Progress, Result> {
    return { ...row, spec: parseSpec(this.declaration.spec, row.spec) } as Job<Spec, Progress, Result>;
  }

  /** The row with as much of its spec as answers show. @throws UnreadableSpec */
  readSummary(row: Job): Job<Summary, Progress, Result> {
    return { ...row, spec: parseSpec(this.declaration.summary, row.spec) } as Job<Summary, Progress, Result>;
  }
}
