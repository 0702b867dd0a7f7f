import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { TenantStorage } from '../storage/tenant-storage.js';
import { Tasks } from '../tasks/tasks.js';
import { UsageRepository } from './usage.repository.js';

const EVERY_SECONDS = 300;
const KEPT_DAYS = 400;

/** Notes by the day what tenants keep, and deletes days that were kept long enough. */
@Injectable()
export class UsageUpkeep implements OnApplicationBootstrap {
  constructor(
    private readonly storage: TenantStorage,
    private readonly usage: UsageRepository,
    private readonly tasks: Tasks,
  ) {}

  onApplicationBootstrap(): void {
    this.tasks.every('usage-upkeep', { seconds: EVERY_SECONDS }, () => this.noteStored());
  }

  async noteStored(): Promise<void> {
    await this.usage.noteStored(await this.storage.kept());
    await this.usage.deleteOld(KEPT_DAYS);
  }
}
