import { writeFile } from 'node:fs/promises';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { RuntimeConfig } from '../../config/index.js';
import { Timers } from '../timers/timers.js';

const EVERY_MS = 5000;

/** Touches a file for as long as the event loop turns: how a container knows of a worker, which has no port. */
@Injectable()
export class Heartbeat implements OnApplicationBootstrap {
  constructor(
    private readonly runtime: RuntimeConfig,
    private readonly timers: Timers,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const file = this.runtime.heartbeatFile;
    if (!file) return;
    const beat = () => writeFile(file, `${new Date().toISOString()}\n`);
    await beat(); // a file that cannot be written is a fault of the settings: say so at the start
    this.timers.every(EVERY_MS, 'the heartbeat could not be written', beat);
  }
}
