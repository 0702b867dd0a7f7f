import { Injectable } from '@nestjs/common';
import { Config, JobsConfig } from '../../config/index.js';
import type { JobKind, JobLimits } from './job-kind.js';

/** The kinds that the modules of this process have declared, by name. */
@Injectable()
export class JobKinds {
  private readonly kinds = new Map<string, JobKind>();

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

  /** As configured, but memory only as far as each place of the kind, and the reserved one, can have as much. */
  limitsOf(kind: JobKind): JobLimits {
    const limits = kind.limits(this.config);
    const part = Math.floor(this.config.get(JobsConfig).workerMemoryBytes / (limits.concurrency + 1));
    return { ...limits, memoryBytes: Math.min(limits.memoryBytes, part) };
  }
}
