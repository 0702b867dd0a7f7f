import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { JobsConfig, RuntimeConfig } from '../../config/index.js';
import { AppLogger } from '../observability/logger.js';
import { runInContext } from '../observability/request-context.js';
import { AttemptRunner } from './attempt-runner.js';
import { type Claim, JobClaimsRepository } from './job-claims.repository.js';
import { type JobHandler, JobHandlers } from './job-handlers.js';
import type { JobKind, JobLimits, JobRef } from './job-kind.js';
import { JobKinds } from './job-kinds.js';
import { JobQueues, NothingToClaim } from './job-queues.js';
import { WorkerRoom } from './worker-room.js';

/** How often it is looked who waits while only the reserved place is free, or none, however many wake-ups come. */
const LOOK_MS = 200;

/** One kind of job that this worker runs. */
interface Line {
  readonly kind: JobKind;
  readonly handler: JobHandler;
  readonly limits: JobLimits;
  /** Of `performance.now()`. */
  lookedMs: number;
  isLooking: boolean;
  /** Looks once more when a job has had its turn. */
  nextLook?: NodeJS.Timeout;
}

/** A claimed job, and why this worker cannot run it. */
type Begun = Claim & { readonly refusal: string | undefined };

/** Claims jobs of every kind that this worker has room for, and has each run by the handler of its kind. */
@Injectable()
export class JobRunner implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly worker = `${hostname()}:${process.pid}`;
  private readonly room: WorkerRoom;
  private readonly lines = new Map<string, Line>();
  private readonly working = new Set<Promise<void>>();
  private lastClaim: Promise<unknown> = Promise.resolve();
  private stopping = false;

  constructor(
    private readonly config: JobsConfig,
    private readonly runtime: RuntimeConfig,
    private readonly kinds: JobKinds,
    private readonly handlers: JobHandlers,
    private readonly claims: JobClaimsRepository,
    private readonly queues: JobQueues,
    private readonly runs: AttemptRunner,
    private readonly logger: AppLogger,
  ) {
    const { workerCpus, workerMemoryBytes, turnSeconds } = config;
    this.room = new WorkerRoom({ cpus: workerCpus, memoryBytes: workerMemoryBytes }, turnSeconds * 1000);
  }

  onApplicationBootstrap(): void {
    if (!this.runtime.runsWorker) return;
    for (const [kind, handler] of this.handlers.all) this.start(kind, handler);
  }

  /** Takes jobs of the kind from now on. */
  start(kind: JobKind, handler: JobHandler): void {
    const line: Line = {
      kind,
      handler,
      limits: this.kinds.limitsOf(kind),
      lookedMs: -Infinity,
      isLooking: false,
    };
    this.lines.set(kind.name, line);
    this.room.open(kind, line.limits);
    // One wake-up for each place and for the reserved one; where jobs can give way, one more that asks them to.
    const wakeUps = line.limits.concurrency + 1 + (kind.canGiveWay ? 1 : 0);
    this.queues.process(kind.name, wakeUps, (ref) => this.track(this.onWake(line, ref)));
  }

  /** Gives running jobs back, so that another worker can go on with them at once and no attempt is counted. */
  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    this.runs.stopAll();
    await Promise.allSettled([...this.working]);
  }

  private track(work: Promise<void>): Promise<void> {
    const tracked = work.finally(() => this.working.delete(tracked));
    this.working.add(tracked);
    return tracked;
  }

  /**
   * A wake-up says that there is a job to run; the claim decides which one that is. The wake-up stays in the queue
   * until the row that it names has ended or is paused.
   */
  private async onWake(line: Line, ref: JobRef): Promise<void> {
    if (!(await this.claims.isToBeRun(ref.id))) return;
    await this.runAll(line);
    if (await this.claims.isToBeRun(ref.id)) throw new NothingToClaim();
  }

  /** Runs jobs of the kind, one after the other, until none can be claimed. */
  private async runAll(line: Line): Promise<void> {
    for (let claim = await this.claim(line); claim; claim = await this.claim(line)) {
      const claimed = claim;
      await runInContext({ tenant: claim.tenant, jobId: claim.id }, () => this.run(line, claimed));
    }
  }

  /** Claims one job after the other: two claims at once would both see the same free room. */
  private async claim(line: Line): Promise<Begun | undefined> {
    const left = this.room.placesLeft(line.kind);
    if (left < 0 && !line.kind.canGiveWay) return undefined;
    if (left <= 0 && !(await this.mayLook(line))) return undefined;
    const claim = this.lastClaim.then(() => this.claimNow(line));
    this.lastClaim = claim.catch(() => undefined);
    return claim;
  }

  /** Whether to look who waits though the places for anybody are taken; what comes in between, one look sees. */
  private async mayLook(line: Line): Promise<boolean> {
    if (line.isLooking) return false;
    line.isLooking = true;
    await sleep(Math.max(0, line.lookedMs + LOOK_MS - performance.now()));
    line.isLooking = false;
    line.lookedMs = performance.now();
    return true;
  }

  private async claimNow(line: Line): Promise<Begun | undefined> {
    if (this.stopping) return undefined;
    const { kind } = line;
    const { keptFor } = this.room;
    if (keptFor !== undefined && !(await this.claims.isWaiting(keptFor))) this.room.keepNone();
    const claim = await this.claims.next(
      kind.name,
      this.worker,
      this.config,
      (waiting) => this.room.choose(kind, waiting),
      this.room.sharedBy(kind),
    );
    const begun = claim && { ...claim, refusal: this.room.take(kind, claim) };
    this.letGiveWay(line);
    return begun;
  }

  /** Asks a job to give way to one of a tenant that runs nothing, now or once it has had its turn. */
  private letGiveWay(line: Line): void {
    const giving = this.room.toGiveWay(line.kind);
    if (!giving) return;
    const { attempt, inMs } = giving;
    if (inMs > 0) {
      line.nextLook ??= setTimeout(() => {
        line.nextLook = undefined;
        this.offer(line);
      }, inMs).unref();
    } else if (this.runs.askToGiveWay(attempt)) this.room.isGivingWay(attempt);
  }

  private async run(line: Line, { refusal, ...claim }: Begun): Promise<void> {
    const { kind, handler, limits } = line;
    try {
      await this.runs.run(kind, handler, limits, claim, refusal);
    } finally {
      this.room.free(claim);
      this.offerRoom();
    }
  }

  /** Jobs that found too little room are looked at again at once: their wake-ups may come only in half a minute. */
  private offerRoom(): void {
    for (const name of this.room.turnedAway()) this.offer(this.lines.get(name) as Line);
  }

  private offer(line: Line): void {
    if (this.stopping) return;
    void this.track(
      this.runAll(line).catch((error: Error) => this.logger.failure('jobs could not be claimed', error)),
    );
  }
}
