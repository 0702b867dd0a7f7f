import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { DatabaseConfig } from '../../config/index.js';
import { NotificationListener } from '../../platform/database/notification-listener.js';
import { AppLogger } from '../../platform/observability/logger.js';

/** Hears that the catalogue has changed: a message that is lost costs no more than the catalogue's next look. */
@Injectable()
export class RevisionListener extends NotificationListener implements OnModuleDestroy {
  constructor(config: DatabaseConfig, logger: AppLogger) {
    super(config.systemUrl, 'catalog_revision', logger);
  }

  onModuleDestroy(): Promise<void> {
    return this.close();
  }
}
