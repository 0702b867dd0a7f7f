import { EventEmitter, once } from 'node:events';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { DatabaseConfig } from '../../config/index.js';
import { NotificationListener } from '../database/notification-listener.js';
import { AppLogger } from '../observability/logger.js';

const ANY = 'any';

/** Tells streams that their job may have said something: sooner than their next look would. */
@Injectable()
export class JobEventHints implements OnModuleDestroy {
  private readonly emitter = new EventEmitter().setMaxListeners(0);
  private listener?: NotificationListener;

  constructor(
    private readonly config: DatabaseConfig,
    private readonly logger: AppLogger,
  ) {}

  /** Opens the connection; most processes never need it. */
  listen(): void {
    if (this.listener) return;
    this.listener = new NotificationListener(this.config.systemUrl, 'job_events', this.logger);
    this.listener.listen((jobId) => this.emitter.emit(jobId ?? ANY));
  }

  /** Resolves on a hint about the job, after `mostMs`, or when `signal` is aborted. */
  async next(jobId: string, mostMs: number, signal: AbortSignal): Promise<void> {
    const done = new AbortController();
    const either = AbortSignal.any([signal, done.signal, AbortSignal.timeout(mostMs)]);
    await Promise.race([jobId, ANY].map((name) => once(this.emitter, name, { signal: either }))).catch(
      () => undefined,
    );
    done.abort();
  }

  async onModuleDestroy(): Promise<void> {
    await this.listener?.close();
  }
}
