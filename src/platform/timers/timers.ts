import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { AppLogger } from '../observability/logger.js';

/**
 * Work that every process does for itself, again and again until it ends. A turn that fails is logged, and the next one
 * comes in its time. What one process does for all is a task: platform/tasks.
 */
@Injectable()
export class Timers implements OnModuleDestroy {
  private readonly timers = new Map<object, NodeJS.Timeout>();
  private readonly running = new Set<Promise<void>>();
  private closed = false;

  constructor(private readonly logger: AppLogger) {}

  /**
   * @param milliseconds from the end of one turn to the start of the next
   * @param failed what the log says of a turn that failed
   * @param firstAfter milliseconds before the first turn
   */
  every(
    milliseconds: number,
    failed: string,
    work: () => Promise<unknown>,
    firstAfter: number = milliseconds,
  ): void {
    const turn = async () => {
      await work().catch((error: unknown) => this.logger.failure(failed, error));
      wait(milliseconds);
    };
    const wait = (delay: number) => {
      if (this.closed) return;
      const timer = setTimeout(() => {
        const done = turn().finally(() => this.running.delete(done));
        this.running.add(done);
      }, delay);
      this.timers.set(work, timer.unref());
    };
    wait(firstAfter);
  }

  /** Begins no further turn, and waits for those that run. */
  async onModuleDestroy(): Promise<void> {
    this.closed = true;
    this.timers.forEach((timer) => clearTimeout(timer));
    await Promise.all(this.running);
  }
}
