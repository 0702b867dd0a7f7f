import { Injectable, type LoggerService } from '@nestjs/common';
import { destination, type LoggerOptions, pino } from 'pino';
import { RuntimeConfig } from '../../config/index.js';
import { currentContext } from './request-context.js';

/** JSON lines on standard output, each with the request, tenant and job it belongs to. Also Nest's own logger. */
@Injectable()
export class AppLogger implements LoggerService {
  readonly pino;

  constructor(config: RuntimeConfig) {
    const options: LoggerOptions = {
      level: config.logLevel,
      base: { pid: process.pid, role: config.role },
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
    // Lines that come while one is being written are written together; those of a process that ends are written first.
    this.pino = pino(options, destination({ fd: 1, sync: false }));
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
  }

  log(message: string, context?: unknown): void {
    this.pino.debug(asFields(context), message);
  }

  error(message: string | Error, ...details: unknown[]): void {
    const text = message instanceof Error ? message.message : message;
    this.pino.error({ err: message instanceof Error ? message : undefined, details }, text);
  }

  debug(message: string, context?: unknown): void {
    this.pino.debug(asFields(context), message);
  }
}

function asFields(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : { context: value };
}
