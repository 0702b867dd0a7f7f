import type { Socket } from 'node:net';
import pg from 'pg';
import type { AppLogger } from '../observability/logger.js';

const RECONNECT_MS = 1000;

/** What pg knows of its connection and does not type. */
interface Internals {
  connection: { stream: Socket };
}

/**
 * Hears `NOTIFY` on a connection of its own. Only hints: whoever listens also looks from time to time, since a
 * message is lost while the connection is away. Whenever it is there again, that is a hint too.
 */
export class NotificationListener {
  private client?: pg.Client;
  private timer?: NodeJS.Timeout;
  private closed = false;

  constructor(
    private readonly url: string,
    private readonly channel: string,
    private readonly logger: AppLogger,
  ) {}

  /** @param onHint gets the payload, or undefined where any may have been missed */
  listen(onHint: (payload?: string) => void): void {
    if (this.closed) return;
    const client = new pg.Client({
      connectionString: this.url,
      application_name: `modelplane ${this.channel}`,
      connectionTimeoutMillis: 3000,
    });
    this.client = client;
    let lost = false;
    const again = (error?: Error) => {
      if (lost || this.closed) return;
      lost = true;
      this.logger.warn('hints interrupted', { channel: this.channel, reason: error?.message });
      client.end().catch(() => undefined);
      this.timer = setTimeout(() => this.listen(onHint), RECONNECT_MS);
    };
    client.on('notification', ({ payload }) => onHint(payload));
    client.on('error', again);
    client.on('end', () => again());
    client
      .connect()
      .then(() => client.query(`listen ${this.channel}`))
      .then(() => onHint(), again);
  }

  /** Says goodbye without waiting for an answer: the server may hang. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    const { client } = this;
    if (!client) return;
    const ended = client.end().catch(() => undefined);
    (client as unknown as Internals).connection.stream.destroySoon();
    await ended;
  }
}
