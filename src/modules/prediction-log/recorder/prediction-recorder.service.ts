import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseConfig, PredictionLogConfig, RuntimeConfig } from '../../../config/index.js';
import { AppLogger } from '../../../platform/observability/logger.js';
import { Metrics } from '../../../platform/observability/metrics.js';
import { TenantStorage } from '../../../platform/storage/tenant-storage.js';
import { PredictionCounter, type PredictionFailure } from '../counts/prediction-counter.js';
import { encodeEntry, encodeInTurns, isLongEntry, isSampled, type LogEntry } from './log-entry.js';
import { LogRules } from './log-rules.js';
import { LogWriter } from './log-writer.js';
import { Segments } from './segments.js';

/** Entries that are encoded in one go: a fraction of a millisecond for a row of 20 features. */
const ENCODE_AT_ONCE = 64;
/** Length at which a frame is closed: a larger one would be held whole in memory, here and in PostgreSQL. */
const FRAME_CHARACTERS = 2 ** 20;
const SEGMENT_BYTES = 16 * 2 ** 20;
const RETRY_MS = 1000;
const ADOPT_MS = 30_000;
/** Longest that a shutdown waits for the database; the next process adopts what is left. */
const LAST_FLUSH_MS = 5000;
const WARN_MS = 10_000;

const DROP_REASONS = ['memory', 'disk', 'torn', 'refused', 'quota'] as const;
type DropReason = (typeof DROP_REASONS)[number];

/**
 * Remembers predictions, off their path: `record` puts references in memory; every flush interval they become one
 * frame in a segment file, and from there one statement of any number of tenants in PostgreSQL. What a segment holds
 * outlives this process and any absence of the database; a row that is written twice is there once.
 */
@Injectable()
export class PredictionRecorder implements OnApplicationBootstrap, OnApplicationShutdown {
  private waiting: LogEntry[] = [];
  /** Entries that are encoded a piece at a time by the next flush, with what is redacted of them. */
  private long: [LogEntry, ReadonlySet<string> | undefined][] = [];
  private encoded: string[] = [];
  private encodedCharacters = 0;
  /** Rows of features in `waiting`, `encoded` and in frames on their way to the disk. */
  private featureRows = 0;
  private encodesSoon = false;
  private segments?: Segments;
  private readonly writer: LogWriter;
  private readonly timers: NodeJS.Timeout[] = [];
  private flushing: Promise<void> = Promise.resolve();
  private draining?: Promise<void>;
  private closing = false;
  private lastWarning = -Infinity;
  private readonly written;
  private readonly dropped;
  private readonly flushes;

  constructor(
    private readonly config: PredictionLogConfig,
    private readonly runtime: RuntimeConfig,
    private readonly rules: LogRules,
    private readonly counter: PredictionCounter,
    private readonly storage: TenantStorage,
    private readonly logger: AppLogger,
    database: DatabaseConfig,
    metrics: Metrics,
  ) {
    this.writer = new LogWriter(database);
    this.written = metrics.counter(
      'modelplane_prediction_log_written_total',
      'Logged predictions that PostgreSQL has.',
    );
    this.dropped = metrics.counter(
      'modelplane_prediction_log_dropped_total',
      'Predictions answered but not logged: no room in memory, on disk or in the quota, torn by a crash, or refused by PostgreSQL.',
      { name: 'reason', values: DROP_REASONS },
    );
    this.flushes = metrics.histogram(
      'modelplane_prediction_log_flush_duration_seconds',
      'One statement that writes logged predictions to PostgreSQL.',
    );
    metrics.gauge(
      'modelplane_prediction_log_pending_rows',
      'Predictions that PostgreSQL does not have yet, by where they wait.',
      ['where'],
      () => [
        { labels: { where: 'memory' }, value: this.waiting.length + this.long.length + this.encoded.length },
        { labels: { where: 'segments' }, value: this.segments?.rows ?? 0 },
      ],
    );
    metrics.gauge('modelplane_prediction_log_segment_bytes', 'Bytes of the segment files.', [], () => [
      { labels: {}, value: this.segments?.bytes ?? 0 },
    ]);
  }

  async onApplicationBootstrap(): Promise<void> {
    const limits = { maxBytes: this.config.maxSegmentBytes, segmentBytes: SEGMENT_BYTES };
    const folder = this.config.folderIn(this.runtime.stateDir);
    this.segments = await Segments.open(folder, limits, (rows) => this.drop('torn', rows)).catch((cause) => {
      throw new Error(
        `the prediction log cannot use ${folder}: ${(cause as Error).message}; MODELPLANE_PREDICTION_LOG_DIR names another folder`,
        { cause },
      );
    });
    this.every(this.config.flushMs, () => this.flush());
    this.every(this.config.syncMs, () => this.segments?.sync());
    this.every(ADOPT_MS, () => this.adopt());
    void this.adopt();
  }

  /** Nest calls this after the last request has been answered. */
  async onApplicationShutdown(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    await this.flush();
    await this.counter.close();
    const rest = this.drain();
    await Promise.race([rest, sleep(LAST_FLUSH_MS, undefined, { ref: false })]);
    this.closing = true;
    await this.writer.close();
    await rest;
    await this.segments?.close();
  }

  /** Costs the caller a place in an array; the entry must not be changed any more. */
  record(entry: LogEntry): void {
    if (this.featureRows >= this.config.maxRowsInMemory) {
      this.counter.addAnswer(entry);
      return this.drop('memory', 1);
    }
    this.featureRows += entry.rows.length;
    this.waiting.push(entry);
    if (this.encodesSoon || this.waiting.length < ENCODE_AT_ONCE) return;
    this.encodesSoon = true;
    setImmediate(() => this.encode());
  }

  /** Counts a prediction that was refused or that failed, without waiting. */
  countFailure(tenant: string, failure: PredictionFailure): void {
    this.counter.addFailure(tenant, failure);
  }

  /** Puts what waits in memory into a segment, and lets it go on from there. */
  flush(): Promise<void> {
    this.flushing = this.flushing.then(async () => {
      if (!this.segments) return;
      this.encode();
      // Rows that come while long entries are encoded are counted off by the next flush.
      const { featureRows } = this;
      await this.encodeLong();
      const { encoded } = this;
      this.encoded = [];
      this.encodedCharacters = 0;
      for (const rows of framesOf(encoded)) {
        const isStored = await this.segments.append(rows.length, rows.join(',')).catch((error: Error) => {
          this.warn('the prediction log could not be written to disk', { reason: error.message });
          return false;
        });
        if (!isStored) this.drop('disk', rows.length);
      }
      this.featureRows -= featureRows;
      void this.drain();
    });
    return this.flushing;
  }

  /** Runs in short pieces, soon after entries have come: all at once it would hold up the requests. */
  private encode(): void {
    this.encodesSoon = false;
    const { waiting } = this;
    this.waiting = [];
    for (const entry of waiting) {
      this.counter.addAnswer(entry);
      const { sampleRate, redacted } = this.rules.of(entry.tenant, entry.modelId);
      if (!isSampled(entry.requestId, sampleRate)) continue;
      if (this.storage.isFull(entry.tenant)) this.drop('quota', 1);
      else if (isLongEntry(entry)) this.long.push([entry, redacted]);
      else this.keep(encodeEntry(entry, redacted));
    }
    if (this.encodedCharacters > FRAME_CHARACTERS) void this.flush();
  }

  private async encodeLong(): Promise<void> {
    for (let next = this.long.shift(); next; next = this.long.shift())
      this.keep(await encodeInTurns(...next));
  }

  private keep(text: string): void {
    this.encodedCharacters += text.length;
    this.encoded.push(text);
  }

  /** Writes what the segments hold to PostgreSQL, until they are empty; one statement at a time. */
  private drain(): Promise<void> {
    return (this.draining ??= this.writeAll().finally(() => (this.draining = undefined)));
  }

  private async writeAll(): Promise<void> {
    while (!this.closing) {
      try {
        const batch = await this.segments?.next();
        if (!batch) return;
        const end = this.flushes.startTimer();
        await this.writer.insert(batch.text, (reason) => {
          this.logger.failure('PostgreSQL does not take a logged prediction', reason);
          this.drop('refused', 1);
        });
        end();
        this.written.inc(batch.rows);
        await this.segments?.done(batch);
      } catch (error) {
        if (this.closing) return;
        this.warn('logged predictions wait in segment files', { reason: (error as Error).message });
        await sleep(RETRY_MS, undefined, { ref: false });
      }
    }
  }

  private async adopt(): Promise<void> {
    try {
      const adopted = await this.segments?.adopt();
      if (!adopted) return;
      this.logger.info('segments of the prediction log adopted', { adopted });
      void this.drain();
    } catch (error) {
      this.logger.failure('segments of the prediction log could not be adopted', error);
    }
  }

  private drop(reason: DropReason, rows: number): void {
    this.dropped.inc({ reason }, rows);
    this.warn('predictions are not logged', { reason });
  }

  /** Says so every 10 s at most: an overload must not fill the service's own log. */
  private warn(message: string, fields: object): void {
    const now = performance.now();
    if (now - this.lastWarning < WARN_MS) return;
    this.lastWarning = now;
    this.logger.warn(message, fields as Record<string, unknown>);
  }

  private every(milliseconds: number, work: () => unknown): void {
    this.timers.push(
      setInterval(() => {
        Promise.resolve(work()).catch((error: Error) =>
          this.logger.failure('the prediction log could not be flushed', error),
        );
      }, milliseconds).unref(),
    );
  }
}

/** Groups encoded rows so that no frame becomes too large. */
function* framesOf(encoded: readonly string[]): Generator<string[]> {
  let group: string[] = [];
  let characters = 0;
  for (const text of encoded) {
    if (characters + text.length > FRAME_CHARACTERS && group.length > 0) {
      yield group;
      [group, characters] = [[], 0];
    }
    group.push(text);
    characters += text.length;
  }
  if (group.length > 0) yield group;
}
