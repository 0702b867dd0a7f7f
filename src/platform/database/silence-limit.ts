import type { Socket } from 'node:net';
import pg from 'pg';

/** What pg knows of its connection and does not type. */
interface Internals {
  readyForQuery: boolean;
  connection: { stream: Socket };
}

export interface ImpatientClient {
  /** Longest silence from now on, in milliseconds; without it what is usual for the connection. */
  limitSilence(milliseconds?: number): void;
}

/**
 * A client that gives its connection up when the server owes it an answer and has sent nothing for `usualMs`: it
 * hangs, or a network lost it. A server that is alive answers within `statement_timeout`, if only to refuse.
 */
export function clientWithSilenceLimit(usualMs: number): typeof pg.Client {
  return class extends pg.Client implements ImpatientClient {
    constructor(config?: string | pg.ClientConfig) {
      super(config);
      this.once('connect', () => {
        const client = this as unknown as Internals;
        const { stream } = client.connection;
        stream.on('timeout', () => {
          if (!client.readyForQuery) stream.destroy(new Error('the database does not answer'));
        });
        this.limitSilence();
      });
    }

    limitSilence(milliseconds = usualMs): void {
      (this as unknown as Internals).connection.stream.setTimeout(milliseconds);
    }
  };
}
