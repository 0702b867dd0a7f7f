import type { Claim, WaitingJob } from './job-claims.repository.js';
import type { AttemptRef, JobKind, JobNeeds } from './job-kind.js';

type Asked = Pick<WaitingJob, 'cpus' | 'memoryBytes'>;

/**
 * The CPUs and memory of one worker, and which of its jobs takes what of them, all kinds together. The first job that
 * finds too little room has it kept: what is freed is given to no other job that needs any, until this one fits. So a
 * big job is not overtaken for ever by small ones.
 */
export class WorkerRoom {
  private readonly taken = new Map<string, JobNeeds>();
  private kept?: { readonly kind: string; readonly id: string; readonly needs: JobNeeds };
  private readonly kindsTurnedAway = new Set<string>();

  constructor(private readonly total: JobNeeds) {}

  /** Id of the job that room is kept for. */
  get keptFor(): string | undefined {
    return this.kept?.id;
  }

  /** The first of these jobs, in turn, that fits beside what runs; one that can never fit is chosen to be failed. */
  choose({ name }: JobKind, waiting: readonly WaitingJob[], ofKind: JobNeeds): WaitingJob | undefined {
    if (this.kept?.kind === name && !waiting.some(({ id }) => id === this.kept?.id)) this.keepNone();
    for (const job of waiting) {
      const needs = this.needsOf(job, ofKind);
      if (this.isTooSmallFor(needs) || this.fits(job.id, needs)) return job;
      this.kept ??= { kind: name, id: job.id, needs };
      this.kindsTurnedAway.add(name);
    }
    return undefined;
  }

  /** Takes the room of an attempt that begins. @returns why it cannot be run here, in which case it takes none */
  take(claim: Claim, ofKind: JobNeeds): string | undefined {
    if (this.kept?.id === claim.id) this.keepNone();
    const needs = this.needsOf(claim, ofKind);
    if (this.isTooSmallFor(needs)) {
      const has = `a worker of this service has ${inMebibytes(this.total.memoryBytes)}`;
      return `The job asks for ${inMebibytes(needs.memoryBytes)} of memory; ${has}.`;
    }
    this.taken.set(keyOf(claim), needs);
    return undefined;
  }

  free(claim: AttemptRef): void {
    this.taken.delete(keyOf(claim));
  }

  /** Keeps room for nobody: the job that waited for it begins, or is run elsewhere or not at all. */
  keepNone(): void {
    this.kept = undefined;
  }

  /** Names of the kinds whose jobs have found too little room since this was asked last. */
  turnedAway(): string[] {
    const names = [...this.kindsTurnedAway];
    this.kindsTurnedAway.clear();
    return names;
  }

  /**
   * What a job takes: what its spec asks for, else what its kind takes, but no more CPUs than there are. A kind's
   * memory is the most that its processes may use, and where the worker has less, one runs alone. What a spec asks of
   * memory is what the job cannot do without, so a worker that has less cannot run it.
   */
  private needsOf({ cpus, memoryBytes }: Asked, ofKind: JobNeeds): JobNeeds {
    return {
      cpus: Math.min(cpus ?? ofKind.cpus, this.total.cpus),
      memoryBytes: memoryBytes ?? Math.min(ofKind.memoryBytes, this.total.memoryBytes),
    };
  }

  private isTooSmallFor({ memoryBytes }: JobNeeds): boolean {
    return memoryBytes > this.total.memoryBytes;
  }

  private fits(id: string, needs: JobNeeds): boolean {
    const others = [...this.taken.values()];
    if (this.kept && this.kept.id !== id) others.push(this.kept.needs);
    const isFree = (of: keyof JobNeeds) =>
      needs[of] === 0 || needs[of] <= this.total[of] - others.reduce((sum, each) => sum + each[of], 0);
    return isFree('cpus') && isFree('memoryBytes');
  }
}

/** An attempt that has lost its job may still be stopping while this worker begins the next one. */
function keyOf({ id, attempt }: AttemptRef): string {
  return `${id}:${attempt}`;
}

function inMebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
