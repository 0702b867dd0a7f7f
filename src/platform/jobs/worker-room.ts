import type { Claim, WaitingJob } from './job-claims.repository.js';
import type { AttemptRef, JobKind, JobLimits, JobNeeds } from './job-kind.js';

interface Taken {
  readonly attempt: AttemptRef;
  readonly kind: JobKind;
  readonly needs: JobNeeds;
  /** Of `performance.now()`. */
  readonly sinceMs: number;
  isAskedToGiveWay: boolean;
}

/** A waiting job for which something is wanted or kept. */
interface Wanted extends Pick<WaitingJob, 'id' | 'isFirst'> {
  readonly kind: JobKind;
  readonly needs: JobNeeds;
}

/** An attempt that should give way, and in how many milliseconds it has had its turn. */
export interface GivingWay {
  readonly attempt: AttemptRef;
  readonly inMs: number;
}

/**
 * The places, CPUs and memory of one worker, and which of its jobs takes what of them, all kinds together.
 *
 * Beside what anybody may use there is a reserve for a tenant that runs nothing (`isFirst`): one place of each kind,
 * the CPUs of one job on top of those there are, and as much memory as any kind takes. CPUs may be exceeded by that one
 * job; memory never is.
 *
 * The first job that has a place and finds too little room has it kept: what is freed is given to no other job that
 * needs any, until this one fits. So a big job is not overtaken for ever by small ones. What is kept for a tenant that
 * runs something does not bind the first job of another.
 */
export class WorkerRoom {
  private readonly limits = new Map<string, JobLimits>();
  private readonly taken = new Map<string, Taken>();
  private kept?: Wanted;
  /** By kind, the first job of a tenant that runs nothing and has found no room. */
  private readonly wanted = new Map<string, Wanted>();
  private readonly kindsTurnedAway = new Set<string>();

  /** @param turnMs how long a job runs before it is asked to give way */
  constructor(
    private readonly total: JobNeeds,
    private readonly turnMs: number,
  ) {}

  /** Jobs of the kind are run here from now on. */
  open({ name }: JobKind, limits: JobLimits): void {
    this.limits.set(name, limits);
  }

  /** Id of the job that room is kept for. */
  get keptFor(): string | undefined {
    return this.kept?.id;
  }

  /** Names of the kinds whose jobs take room from those of this one, itself among them. */
  sharedBy({ name }: JobKind): string[] {
    const takesRoom = (of: string) => {
      const { cpus, memoryBytes } = this.limitsOf(of);
      return cpus > 0 || memoryBytes > 0;
    };
    return takesRoom(name) ? [...this.limits.keys()].filter(takesRoom) : [name];
  }

  /** Places of the kind that anybody may take; 0: only the reserved one is free; below: none. */
  placesLeft({ name }: JobKind): number {
    return this.limitsOf(name).concurrency - this.running(name);
  }

  /** The first of these jobs, in turn, that fits beside what runs; one that can never fit is chosen to be failed. */
  choose(kind: JobKind, waiting: readonly WaitingJob[]): WaitingJob | undefined {
    this.wanted.delete(kind.name);
    if (this.kept?.kind === kind) {
      const isFirst = waiting.find(({ id }) => id === this.kept?.id)?.isFirst;
      this.kept = isFirst === undefined ? undefined : { ...this.kept, isFirst };
    }
    for (const job of waiting) {
      const wanted = { id: job.id, isFirst: job.isFirst, kind, needs: this.needsOf(kind, job) };
      if (this.isTooSmallFor(wanted.needs) || this.fits(wanted)) return job;
      this.turnAway(wanted);
    }
    return undefined;
  }

  /** Takes the room of an attempt that begins. @returns why it cannot be run here, in which case it takes none */
  take(kind: JobKind, claim: Claim): string | undefined {
    if (this.kept?.id === claim.id) this.keepNone();
    const needs = this.needsOf(kind, claim);
    if (this.isTooSmallFor(needs)) {
      const has = `a worker of this service has ${inMebibytes(this.total.memoryBytes)}`;
      return `The job asks for ${inMebibytes(needs.memoryBytes)} of memory; ${has}.`;
    }
    const { tenant, id, attempt } = claim;
    const sinceMs = performance.now();
    this.taken.set(keyOf(claim), {
      attempt: { tenant, id, attempt },
      kind,
      needs,
      sinceMs,
      isAskedToGiveWay: false,
    });
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
   * The attempt that lets in the first job, of this kind, of a tenant that runs nothing: of the tenant with the most
   * jobs here, among its jobs the one that has run longest. Undefined where nobody waits so, where none of those that
   * can give way would make enough room, or where one that would is asked already.
   */
  toGiveWay({ name }: JobKind): GivingWay | undefined {
    const wanted = this.wanted.get(name);
    if (!wanted) return undefined;
    const helpful = [...this.taken.values()].filter(
      (each) => each.kind.canGiveWay && this.fits(wanted, each),
    );
    if (helpful.some(({ isAskedToGiveWay }) => isAskedToGiveWay)) return undefined;
    const jobsOf = ({ attempt: { tenant } }: Taken) =>
      [...this.taken.values()].filter(({ attempt }) => attempt.tenant === tenant).length;
    const [chosen] = helpful.sort((a, b) => jobsOf(b) - jobsOf(a) || a.sinceMs - b.sinceMs);
    return chosen && { attempt: chosen.attempt, inMs: chosen.sinceMs + this.turnMs - performance.now() };
  }

  /** The attempt has heard that it should give way. */
  isGivingWay(attempt: AttemptRef): void {
    const taken = this.taken.get(keyOf(attempt));
    if (taken) taken.isAskedToGiveWay = true;
  }

  private turnAway(wanted: Wanted): void {
    const { kind, isFirst } = wanted;
    this.kindsTurnedAway.add(kind.name);
    if (isFirst && !this.wanted.has(kind.name)) this.wanted.set(kind.name, wanted);
    const isKept = this.kept && (this.kept.isFirst || !isFirst);
    if (!isKept && this.hasPlace(wanted)) this.kept = wanted;
  }

  /** @param without an attempt that is thought away */
  private fits(wanted: Wanted, without?: Taken): boolean {
    if (!this.hasPlace(wanted, without)) return false;
    const { id, isFirst, needs } = wanted;
    const others = [...this.taken.values()].filter((each) => each !== without).map((each) => each.needs);
    const { kept } = this;
    const isBehindKept = kept && kept.id !== id && (kept.isFirst || !isFirst) && this.hasPlace(kept, without);
    if (isBehindKept) others.push(kept.needs);
    const free = (of: keyof JobNeeds) => this.total[of] - others.reduce((sum, each) => sum + each[of], 0);
    const hasCpus = needs.cpus === 0 || (isFirst ? 0 : needs.cpus) <= free('cpus');
    const memory = needs.memoryBytes + (isFirst ? 0 : this.reservedBytes(needs));
    return hasCpus && (needs.memoryBytes === 0 || memory <= free('memoryBytes'));
  }

  private hasPlace({ kind: { name }, isFirst }: Wanted, without?: Taken): boolean {
    const running = this.running(name) - (without?.kind.name === name ? 1 : 0);
    return running < this.limitsOf(name).concurrency + (isFirst ? 1 : 0);
  }

  private running(kind: string): number {
    return [...this.taken.values()].filter((each) => each.kind.name === kind).length;
  }

  /**
   * Memory that a job leaves free for the first one of another tenant: what the largest kind takes. A job that asks
   * for nearly all that there is could otherwise never begin.
   */
  private reservedBytes({ memoryBytes }: JobNeeds): number {
    const largest = Math.max(...[...this.limits.values()].map((limits) => limits.memoryBytes));
    return Math.min(largest, this.total.memoryBytes - memoryBytes);
  }

  /**
   * What a job takes: what its spec asks for, else what its kind takes, but no more CPUs than there are. What a spec
   * asks of memory is what the job cannot do without, so a worker that has less cannot run it.
   */
  private needsOf({ name }: JobKind, { cpus, memoryBytes }: WaitingJob): JobNeeds {
    const limits = this.limitsOf(name);
    return {
      cpus: Math.min(cpus ?? limits.cpus, this.total.cpus),
      memoryBytes: memoryBytes ?? limits.memoryBytes,
    };
  }

  private limitsOf(kind: string): JobLimits {
    return this.limits.get(kind) as JobLimits;
  }

  private isTooSmallFor({ memoryBytes }: JobNeeds): boolean {
    return memoryBytes > this.total.memoryBytes;
  }
}

/** An attempt that has lost its job may still be stopping while this worker begins the next one. */
function keyOf({ id, attempt }: AttemptRef): string {
  return `${id}:${attempt}`;
}

function inMebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
