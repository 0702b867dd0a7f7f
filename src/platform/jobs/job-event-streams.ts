import { PassThrough, pipeline, Readable } from 'node:stream';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { HttpConfig } from '../../config/index.js';
import type { Identity } from '../auth/identity.js';
import { Database } from '../database/database.js';
import { invalid, Problem } from '../errors/problem.js';
import { AppLogger } from '../observability/logger.js';
import { JobEventHints } from './job-event-hints.js';
import { JobEventsRepository } from './job-events.repository.js';
import type { JobEvent } from './job.entity.js';
import type { JobKind } from './job-kind.js';
import { JobsRepository } from './jobs.repository.js';
import { JobsService } from './jobs.service.js';

interface Position {
  attempt: number;
  seq: number;
}

const PAGE = 500;
/** Without a hint the rows are looked at this often. */
const LOOK_MS = 2000;
/** Proxies end connections on which nothing moves. */
const HEARTBEAT_MS = 15_000;
/** How long a client shall wait before it comes back. */
const RETRY = 'retry: 1000\n\n';

/**
 * A job's events as they are written, in the text/event-stream of the HTML standard. The rows are the truth: an id
 * is `attempt:seq`, and a client that names the last one it saw goes on after it.
 */
@Injectable()
export class JobEventStreams implements OnModuleDestroy {
  private readonly open = new Map<string, number>();
  private readonly streams = new Set<PassThrough>();

  constructor(
    private readonly jobs: JobsService,
    private readonly rows: JobsRepository,
    private readonly events: JobEventsRepository,
    private readonly database: Database,
    private readonly hints: JobEventHints,
    private readonly config: HttpConfig,
    private readonly logger: AppLogger,
  ) {}

  /** The server waits for its answers to end, and these would not; their clients come back to another process. */
  onModuleDestroy(): void {
    for (const stream of this.streams) stream.destroy();
  }

  /**
   * @param lastEventId what the client saw last; undefined for all
   * @throws Problem 404, 400 for an id that no event has, 429 past the tenant's limit of streams
   */
  async stream(
    { tenant, expiresAt }: Identity & { expiresAt?: number },
    kind: JobKind,
    id: string,
    lastEventId: string | undefined,
  ): Promise<Readable> {
    const after = positionOf(lastEventId);
    await this.jobs.refuseUnknown(tenant, kind, id);
    const release = this.enter(tenant);
    this.hints.listen();
    const gone = new AbortController();
    // No stream outlives the token that opened it: the client comes back with a new one.
    const lifetime = Math.min(2 ** 31 - 1, Math.max(0, (expiresAt ?? Infinity) * 1000 - Date.now()));
    const signal = AbortSignal.any([gone.signal, AbortSignal.timeout(lifetime)]);
    const stream = new PassThrough();
    this.streams.add(stream);
    // As soon as the client has gone: the generator itself may be waiting then.
    stream.once('close', () => {
      gone.abort();
      release();
      this.streams.delete(stream);
    });
    pipeline(Readable.from(this.lines(tenant, kind, id, after, signal)), stream, () => undefined);
    return stream;
  }

  private async *lines(
    tenant: string,
    kind: JobKind,
    id: string,
    after: Position,
    signal: AbortSignal,
  ): AsyncGenerator<string> {
    yield RETRY;
    let lastWrite = performance.now();
    try {
      while (!signal.aborted) {
        const hint = this.hints.next(id, LOOK_MS, signal);
        const { ended, events } = await this.look(tenant, kind, id, after);
        if (events.length > 0) {
          yield events.map(format).join('');
          after = events.at(-1) as Position;
          lastWrite = performance.now();
          continue;
        }
        if (ended) return;
        if (performance.now() - lastWrite > HEARTBEAT_MS) {
          yield ': alive\n\n';
          lastWrite = performance.now();
        }
        await hint;
      }
    } catch (error) {
      // Ended without the job's last event: the client comes back and goes on.
      this.logger.failure('event stream broke', error);
    }
  }

  /** Events after a position; `ended` is looked at first, so that with no events left it means that all were seen. */
  private look(
    tenant: string,
    kind: JobKind,
    id: string,
    after: Position,
  ): Promise<{ ended: boolean; events: JobEvent[] }> {
    return this.database.asTenant(tenant, async (scope) => {
      const job = await this.rows.find(scope, kind.name, id);
      return { ended: !job || job.endedAt !== null, events: await this.events.list(scope, id, after, PAGE) };
    });
  }

  /** Counts a stream of the tenant until the function that is returned is called. */
  private enter(tenant: string): () => void {
    const count = this.open.get(tenant) ?? 0;
    if (count >= this.config.eventStreamsPerTenant) {
      throw new Problem('RATE_LIMITED', `The tenant has ${count} event streams open; close one first.`, {
        headers: { 'Retry-After': '5' },
      });
    }
    this.open.set(tenant, count + 1);
    return () => {
      const left = (this.open.get(tenant) ?? 1) - 1;
      if (left > 0) this.open.set(tenant, left);
      else this.open.delete(tenant);
    };
  }
}

function positionOf(lastEventId: string | undefined): Position {
  if (!lastEventId) return { attempt: -1, seq: 0 };
  const [, attempt, seq] = /^(\d{1,9}):(\d{1,9})$/.exec(lastEventId) ?? [];
  if (attempt === undefined) throw invalid('Last-Event-ID', 'must be the id of an event, such as 1:42');
  return { attempt: Number(attempt), seq: Number(seq) };
}

/** JSON has no line breaks of its own, so each event is one line of data. */
function format({ attempt, seq, type, data, createdAt }: JobEvent): string {
  const body = JSON.stringify({ ...data, type, attempt, seq, time: createdAt.toISOString() });
  return `id: ${attempt}:${seq}\nevent: ${type}\ndata: ${body}\n\n`;
}
