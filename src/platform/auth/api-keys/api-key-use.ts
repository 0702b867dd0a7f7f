import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Timers } from '../../timers/timers.js';
import { ApiKeysRepository } from './api-keys.repository.js';

const EVERY_MS = 5000;

/** Writes when keys were last used, some seconds later and for all of them at once. */
@Injectable()
export class ApiKeyUse implements OnApplicationBootstrap {
  private uses = new Map<string, Date>();

  constructor(
    private readonly keys: ApiKeysRepository,
    private readonly timers: Timers,
  ) {}

  onApplicationBootstrap(): void {
    this.timers.every(EVERY_MS, 'the use of API keys could not be noted', () => this.write());
  }

  note(id: string): void {
    this.uses.set(id, new Date());
  }

  private async write(): Promise<void> {
    const { uses } = this;
    if (uses.size === 0) return;
    this.uses = new Map();
    await this.keys.noteUse(uses).catch((error: unknown) => {
      this.uses = new Map([...uses, ...this.uses]);
      throw error;
    });
  }
}
