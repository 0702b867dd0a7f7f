import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AppLogger } from './platform/observability/logger.js';
import { answerWithMetricsOfAll } from './platform/observability/process-metrics.js';

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 10_000;
/** One that has lived for so long did not die of how it was started. */
const HEALTHY_MS = 60_000;
/** Longer than answering and writing the log may take; less than the 30 s that Kubernetes waits. */
const LONGEST_END_MS = 25_000;

/**
 * Several processes of the API on one port: this one accepts connections and hands them out in turn, starts again
 * what dies, and ends with the last of them. Should it die itself, they end.
 */
export class ApiProcesses {
  private wasReady = false;
  private exitCode?: number;

  constructor(
    private readonly count: number,
    private readonly logger: AppLogger,
  ) {}

  start(): void {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.stop(0, 'SIGTERM'));
    answerWithMetricsOfAll();
    for (let number = 0; number < this.count; number++) this.fork(0);
  }

  private fork(deaths: number): void {
    if (this.exitCode !== undefined) return;
    const start = performance.now();
    const worker = cluster.fork();
    worker.on('listening', ({ port }) => (this.wasReady ||= port > 0));
    worker.once('exit', (code, signal) => {
      const wasHealthy = performance.now() - start > HEALTHY_MS;
      void this.ended(worker, signal ?? `exit code ${code}`, wasHealthy ? 0 : deaths);
    });
  }

  private async ended(worker: Worker, how: string, deaths: number): Promise<void> {
    // Its faults, such as a setting or a port that is taken, would be those of the next one too.
    if (!this.wasReady) this.stop(1, 'SIGKILL');
    if (this.exitCode !== undefined) return this.exitWithTheLast();
    const delayMs = Math.min(FIRST_DELAY_MS * 2 ** deaths, LONGEST_DELAY_MS);
    this.logger.warn('api process ended and starts again', {
      ended_pid: worker.process.pid,
      how,
      delay_ms: delayMs,
    });
    await sleep(delayMs);
    this.fork(deaths + 1);
  }

  /** With SIGTERM each answers what it has accepted first, within a while. */
  private stop(exitCode: number, signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.exitCode !== undefined) return;
    this.exitCode = exitCode;
    this.signal(signal);
    setTimeout(() => this.signal('SIGKILL'), LONGEST_END_MS).unref();
    this.exitWithTheLast();
  }

  private signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    for (const worker of this.workers) worker.process.kill(signal);
  }

  private exitWithTheLast(): void {
    if (this.workers.length === 0) process.exit(this.exitCode);
  }

  private get workers(): Worker[] {
    return Object.values(cluster.workers ?? {}).filter((each): each is Worker => each?.isDead() === false);
  }
}
