import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import pg from 'pg';
import { DatabaseConfig } from '../../config/index.js';
import { AppLogger } from '../../platform/observability/logger.js';

const RECONNECT_MS = 1000;

/**
 * Hears `NOTIFY catalog_revision` on a connection of its own. Only a hint: a message that is lost while the
 * connection is away costs no more than the catalogue's next look.
 */
@Injectable()
export class RevisionListener implements OnModuleDestroy {
  private client?: pg.Client;
  private timer?: NodeJS.Timeout;
  private closed = false;

  constructor(
    private readonly config: DatabaseConfig,
    private readonly logger: AppLogger,
  ) {}

  listen(onHint: () => void): void {
    if (this.closed) return;
    const client = new pg.Client({
      connectionString: this.config.systemUrl,
      application_name: 'modelplane catalogue',
      connectionTimeoutMillis: 3000,
    });
    this.client = client;
    let lost = false;
    const again = (error?: Error) => {
      if (lost || this.closed) return;
      lost = true;
      this.logger.warn('catalogue hints interrupted', { reason: error?.message });
      client.end().catch(() => undefined);
      this.timer = setTimeout(() => this.listen(onHint), RECONNECT_MS);
    };
    client.on('notification', onHint);
    client.on('error', again);
    client.on('end', () => again());
    client
      .connect()
      .then(() => client.query('listen catalog_revision'))
      .then(onHint, again);
  }

  async onModuleDestroy(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.client?.end().catch(() => undefined);
  }
}
