import { Injectable, type LoggerService } from '@nestjs/common';
import { destination, type LoggerOptions, pino } from 'pino';
import { RuntimeConfig } from '../../config/index.js';
import { currentContext } from './request-context.js';
import { type AnsweredRequest, requestLine } from './request-line.js';

/** Lines are written together: a system call and a thread's turn for each would take longer than making them. */
const WRITTEN_TOGETHER_BYTES = 4096;
/** For so long at most a line waits for others; of a process that is killed these are lost. */
const LONGEST_WAIT_MS = 100;
/** Lines that cannot be written, on a disk that is full, are dropped past this. */
const MOST_WAITING_BYTES = 2 ** 24;

/** JSON lines on standard output, each with the request, tenant and job it belongs to. Also Nest's own logger. */
@Injectable()
export class AppLogger implements LoggerService {
  readonly pino;
  private readonly lines;
  /** Fields of every line, as JSON without braces. */
  private readonly base: string;
  private lastMs = 0;
  private lastTime = '';

  constructor(config: RuntimeConfig) {
    const base = { pid: process.pid, role: config.role };
    this.base = JSON.stringify(base).slice(1, -1);
    const options: LoggerOptions = {
      level: config.logLevel,
      base,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      mixin: () => {
        const { requestId, clientRequestId, tenant, jobId, trace } = currentContext() ?? {};
        return {
          request_id: requestId,
          client_request_id: clientRequestId,
          tenant,
          job_id: jobId,
          trace_id: trace?.traceId,
        };
      },
    };
    // Those of a process that ends are written first.
    this.lines = destination({
      fd: 1,
      sync: false,
      minLength: WRITTEN_TOGETHER_BYTES,
      periodicFlush: LONGEST_WAIT_MS,
      maxLength: MOST_WAITING_BYTES,
    });
    // A full disk behind standard output must not end the process: lines wait, up to a bound, and are written later.
    this.lines.on('error', () => undefined);
    this.pino = pino(options, this.lines);
  }

  /** The line of a request that has been answered. */
  request(request: AnsweredRequest): void {
    if (this.pino.isLevelEnabled('info')) this.lines.write(requestLine(request, this.now(), this.base));
  }

  info(message: string, fields: object = {}): void {
    this.pino.info(fields, message);
  }

  warn(message: string, fields?: unknown): void {
    this.pino.warn(asFields(fields), message);
  }

  /** An error with its stack. */
  failure(message: string, error: unknown, fields: object = {}): void {
    this.pino.error({ ...fields, err: error instanceof Error ? error : new Error(String(error)) }, message);
    this.lines.flush();
  }

  log(message: string, context?: unknown): void {
    this.pino.debug(asFields(context), message);
  }

  error(message: string | Error, ...details: unknown[]): void {
    const text = message instanceof Error ? message.message : message;
    this.pino.error({ err: message instanceof Error ? message : undefined, details }, text);
    this.lines.flush();
  }

  debug(message: string, context?: unknown): void {
    this.pino.debug(asFields(context), message);
  }

  /** ISO 8601; many lines are of the same millisecond. */
  private now(): string {
    const now = Date.now();
    if (now !== this.lastMs) {
      this.lastMs = now;
      this.lastTime = new Date(now).toISOString();
    }
    return this.lastTime;
  }
}

function asFields(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : { context: value };
}
