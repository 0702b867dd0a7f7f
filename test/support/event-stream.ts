import { type IncomingMessage, request } from 'node:http';
import type { Client } from './client.js';

export interface StreamedEvent {
  id: string;
  type: string;
  data: Record<string, unknown>;
}

/** Reads a text/event-stream as a browser would, on a connection of its own. */
export class EventStream {
  readonly events: StreamedEvent[] = [];
  /** Resolves when the stream has ended, whoever ended it. */
  readonly ended: Promise<void>;
  private woken?: () => void;

  private constructor(private readonly response: IncomingMessage) {
    this.ended = this.read().catch(() => undefined);
  }

  static open(
    client: Client,
    path: string,
    lastEventId?: string,
    more: Record<string, string> = {},
  ): Promise<EventStream> {
    const headers = {
      authorization: `Bearer ${client.token}`,
      ...(lastEventId && { 'last-event-id': lastEventId }),
      ...more,
    };
    return new Promise((resolve, reject) => {
      const sent = request(client.url + path, { headers, agent: false }, (response) =>
        resolve(new EventStream(response)),
      ).on('error', reject);
      // A body that is announced never comes.
      if (more['content-length']) sent.flushHeaders();
      else sent.end();
    });
  }

  get status(): number | undefined {
    return this.response.statusCode;
  }

  get contentType(): string | undefined {
    return this.response.headers['content-type'];
  }

  get ids(): string[] {
    return this.events.map(({ id }) => id);
  }

  /** Resolves once this many events have come. */
  async until(count: number): Promise<void> {
    while (this.events.length < count) await new Promise<void>((resolve) => (this.woken = resolve));
  }

  /** Goes away in the middle. */
  async leave(): Promise<void> {
    this.response.destroy();
    await this.ended;
  }

  private async read(): Promise<void> {
    let rest = '';
    for await (const part of this.response.setEncoding('utf8')) {
      const blocks = (rest + part).split('\n\n');
      rest = blocks.pop() as string;
      this.events.push(...blocks.flatMap(parse));
      this.woken?.();
    }
  }
}

function parse(block: string): StreamedEvent[] {
  const fields = Object.fromEntries(
    block
      .split('\n')
      .filter((line) => !line.startsWith(':'))
      .map((line) => line.split(/: (.*)/s).slice(0, 2)),
  );
  if (!fields.data) return [];
  return [{ id: fields.id as string, type: fields.event as string, data: JSON.parse(fields.data as string) }];
}
