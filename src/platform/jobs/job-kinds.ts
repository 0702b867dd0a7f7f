import { Injectable } from '@nestjs/common';
import { Config } from '../../config/index.js';
import type { Identity } from '../auth/identity.js';
import type { JobKind, JobLimits } from './job-kind.js';

/** Submits one job of a kind as the kind's own route does; `body` has not been checked yet. */
type Submit = (caller: Identity, body: unknown) => Promise<{ job_id: string }>;

/** The kinds that the modules of this process have declared, by name. */
@Injectable()
export class JobKinds {
  private readonly kinds = new Map<string, JobKind>();
  private readonly submissions = new Map<string, Submit>();

  constructor(private readonly config: Config) {}

  /** @throws Error where another kind has the name or the prefix */
  register(kind: JobKind): void {
    const other = this.all.find(({ name, prefix }) => name === kind.name || prefix === kind.prefix);
    if (other) throw new Error(`the kinds of jobs ${other.name} and ${kind.name} share a name or a prefix`);
    this.kinds.set(kind.name, kind);
  }

  get all(): JobKind[] {
    return [...this.kinds.values()];
  }

  find(name: string): JobKind | undefined {
    return this.kinds.get(name);
  }

  limitsOf(kind: JobKind): JobLimits {
    return kind.limits(this.config);
  }

  /** Lets others than the kind's own route, such as a schedule, submit its jobs by name. */
  registerSubmission(kind: JobKind, submit: Submit): void {
    this.submissions.set(kind.name, submit);
  }

  /** undefined where jobs of the kind are submitted by its own route alone. */
  submissionOf(name: string): Submit | undefined {
    return this.submissions.get(name);
  }
}
