import { constants } from 'node:os';
import type { ValidateFunction } from 'ajv';
import type { ComputeOutcome } from './compute-engine.js';
import type { JobEvent } from './job-event.js';

interface Exit {
  readonly exit_code: number | null;
  /** Number of the signal that ended the process. */
  readonly signal: number | null;
  readonly max_rss_bytes: number;
  /** Whether the system has killed some process for want of memory while this one ran. */
  readonly memory_ran_out?: boolean;
}

const { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGKILL, SIGSEGV, SIGTRAP } = constants.signals;
/** What the system sends to a process for what that does itself. */
const FAULTS: ReadonlyMap<number, string> = new Map(
  Object.entries({ SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP }).map(([name, number]) => [
    number,
    name,
  ]),
);
/** The `cause` of a crash for want of memory. */
export const OUT_OF_MEMORY = 'out of memory';
/** The last allocation fails before the peak reaches the limit. */
const NEAR_THE_LIMIT = 0.8;

/** What the lines of one run say so far. Knows nothing of processes or sockets. */
export class JobRun {
  private terminal: ComputeOutcome | null = null;
  private exit: Exit | null = null;
  private readonly jobId: string;
  private readonly attempt: number;
  private readonly memoryLimit: number | null;
  private lastSeq = 0;
  /** Events that the engine put in between; those of the process are numbered around them. */
  private inserted = 0;

  constructor(
    spec: object,
    private readonly check: ValidateFunction<JobEvent>,
    private readonly onEvent: (event: JobEvent) => void,
  ) {
    const { job_id, attempt, limits } = spec as {
      job_id?: unknown;
      attempt?: unknown;
      limits?: { memory_bytes?: unknown };
    };
    if (typeof job_id !== 'string' || typeof attempt !== 'number') {
      throw new TypeError('a job spec needs a job_id and an attempt');
    }
    this.jobId = job_id;
    this.attempt = attempt;
    this.memoryLimit = typeof limits?.memory_bytes === 'number' ? limits.memory_bytes : null;
  }

  /** Whether the job has told an event. */
  get hasBegun(): boolean {
    return this.lastSeq > 0;
  }

  /** One line of the process. A line that is no event becomes a log event of level error. */
  readLine(line: string): void {
    if (line === '' || this.exit) return;
    let json: unknown;
    try {
      json = JSON.parse(line);
    } catch {
      this.insertError(`the job wrote a line that is not JSON: ${line.slice(0, 200)}`);
      return;
    }
    if (isExit(json)) this.exit = json;
    else if (!this.check(json)) {
      const { instancePath, message } = this.check.errors?.[0] ?? {};
      this.insertError(
        `the job wrote an invalid event (${instancePath || '/'} ${message}): ${line.slice(0, 200)}`,
      );
    } else this.take(json);
  }

  reportTooLongLine(maxBytes: number): void {
    this.insertError(`the job wrote a line of more than ${maxBytes} bytes; it was dropped`);
  }

  /** Once the connection has closed. */
  outcome(): ComputeOutcome {
    if (this.terminal) return this.terminal;
    const {
      exit_code: exitCode,
      signal,
      max_rss_bytes: maxRssBytes,
    } = this.exit ?? {
      exit_code: null,
      signal: null,
      max_rss_bytes: 0,
    };
    const cause = this.causeOfCrash();
    return { type: 'crashed', exitCode, signal, maxRssBytes, cause, message: this.explainCrash() };
  }

  private take(event: JobEvent): void {
    if (event.job_id !== this.jobId || event.attempt !== this.attempt) {
      this.insertError(`the job wrote an event of ${event.job_id}, attempt ${event.attempt}`);
      return;
    }
    if (event.seq + this.inserted <= this.lastSeq) {
      this.insertError(`the job wrote event ${event.seq} twice or out of order`);
      return;
    }
    if (this.terminal) {
      this.insertError(`the job wrote "${event.type}" after it had ended`);
      return;
    }
    if (event.type === 'succeeded') this.terminal = { type: 'succeeded', result: event.result };
    if (event.type === 'gave_way') this.terminal = { type: 'gave_way' };
    if (event.type === 'failed') this.terminal = { type: 'failed', code: event.code, message: event.message };
    this.emit({ ...event, seq: event.seq + this.inserted });
  }

  private insertError(message: string): void {
    this.inserted++;
    const seq = this.lastSeq + 1;
    this.emit({ type: 'log', level: 'error', message, job_id: this.jobId, attempt: this.attempt, seq });
  }

  private emit(event: JobEvent): void {
    this.lastSeq = event.seq;
    this.onEvent(event);
  }

  private causeOfCrash(): string | null {
    if (!this.exit) return null;
    const { signal, max_rss_bytes: used, memory_ran_out } = this.exit;
    if (signal === SIGKILL) return memory_ran_out || this.isNearTheLimit(used) ? OUT_OF_MEMORY : null;
    return (signal !== null && FAULTS.get(signal)) || null;
  }

  private isNearTheLimit(used: number): boolean {
    return this.memoryLimit !== null && used >= NEAR_THE_LIMIT * this.memoryLimit;
  }

  private explainCrash(): string {
    if (!this.exit) return "the process that runs jobs ended, and this job's process with it";
    const { exit_code: exitCode, signal, max_rss_bytes: used, memory_ran_out } = this.exit;
    if (signal === null) return `the job's process ended with exit code ${exitCode} and did not say why`;
    const limit = this.memoryLimit === null ? '' : ` of the ${inMebibytes(this.memoryLimit)} it may use`;
    const share = `it had used ${inMebibytes(used)}${limit}`;
    const fault = FAULTS.get(signal);
    if (fault)
      return `the job's process was ended by signal ${signal} (${fault}), a fault of native code: ${share}`;
    if (signal !== SIGKILL) return `the job's process was ended by signal ${signal}`;
    if (this.isNearTheLimit(used)) return `the job's process was killed, most likely out of memory: ${share}`;
    if (memory_ran_out) return `the job's process was killed while the machine was out of memory: ${share}`;
    return `the job's process was killed (signal 9) after using ${inMebibytes(used)}; the machine may be out of memory`;
  }
}

function isExit(json: unknown): json is Exit {
  if (typeof json !== 'object' || json === null || (json as { type?: unknown }).type !== 'exited')
    return false;
  const { exit_code, signal, max_rss_bytes } = json as Partial<Record<keyof Exit, unknown>>;
  const isIntegerOrNull = (value: unknown) => value === null || Number.isInteger(value);
  return isIntegerOrNull(exit_code) && isIntegerOrNull(signal) && Number.isInteger(max_rss_bytes);
}

function inMebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
