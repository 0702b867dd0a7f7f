import { writeFile } from 'node:fs/promises';
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { RuntimeConfig } from '../../config/index.js';
import { AppLogger } from '../observability/logger.js';

const EVERY_MS = 5000;

/** Touches a file for as long as the event loop turns: how a container knows of a worker, which has no port. */
@Injectable()
export class Heartbeat implements OnApplicationBootstrap, OnModuleDestroy {
  private timer?: NodeJS.Timeout;

  constructor(
    private readonly runtime: RuntimeConfig,
    private readonly logger: AppLogger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const file = this.runtime.heartbeatFile;
    if (!file) return;
    const beat = () => writeFile(file, `${new Date().toISOString()}\n`);
    await beat(); // a file that cannot be written is a fault of the settings: say so at the start
    this.timer = setInterval(() => {
      beat().catch((error: Error) => this.logger.failure('the heartbeat could not be written', error));
    }, EVERY_MS);
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }
}
