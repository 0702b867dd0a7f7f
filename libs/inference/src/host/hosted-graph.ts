import type { Tensor } from 'onnxruntime-node';
import { GraphRefused, ModelRunError, ModelUnavailable } from '../errors.js';
import type { GraphSession, OutputTensor } from '../graph-session.js';
import type { SignatureDefinition } from '../signature-definition.js';
import { type HostLimits, HostProcess, type ModelFile } from './host-process.js';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 60_000;
/** The most values that one output may have for a row: far more than any classifier has classes. */
const MAX_VALUES_A_ROW = 10_000;

interface Pool {
  /** @throws ModelUnavailable */
  makeRoom(): void;
  released(): void;
}

/**
 * One uploaded graph. Its process is started by the first request and ends when it has been idle for a while. When the
 * process dies or hangs, the requests that it had fail, and the next process starts after a pause that doubles until a
 * request succeeds.
 */
export class HostedGraph implements GraphSession {
  lastUsed = 0;
  private host?: HostProcess;
  private starting?: Promise<HostProcess>;
  private asked = 0;
  private failures = 0;
  private retryAt = 0;
  private idleTimer?: NodeJS.Timeout;
  private isReleased = false;

  constructor(
    private readonly file: ModelFile,
    private readonly definition: SignatureDefinition,
    private readonly options: HostLimits & {
      readonly idleMs: number;
      readonly onFailure: (error: ModelUnavailable, file: ModelFile) => void;
    },
    private readonly pool: Pool,
  ) {}

  get pid(): number | undefined {
    return this.host?.pid;
  }

  get isRunning(): boolean {
    return this.host !== undefined || this.starting !== undefined;
  }

  get isBusy(): boolean {
    return this.asked > 0;
  }

  async run(
    feeds: Record<string, Tensor>,
    fetches: readonly string[],
  ): Promise<Record<string, OutputTensor>> {
    if (this.isReleased) throw new ModelRunError('the model has been released');
    this.asked++;
    clearTimeout(this.idleTimer);
    try {
      const host = await this.ready();
      const rows = Object.values(feeds)[0]!.dims[0]!;
      const answer = await host.run(feeds, fetches, rows * MAX_VALUES_A_ROW);
      this.failures = 0;
      return answer;
    } catch (error) {
      const ended = this.host?.ended;
      if (ended) {
        this.host = undefined;
        this.pause(ended);
      }
      throw error;
    } finally {
      this.asked--;
      this.lastUsed = performance.now();
      if (this.asked === 0) this.idleTimer = setTimeout(() => this.rest(), this.options.idleMs).unref();
    }
  }

  /** Ends the process; the next request starts another one. */
  rest(): void {
    const { host } = this;
    this.host = undefined;
    void host?.stop();
  }

  async release(): Promise<void> {
    this.isReleased = true;
    clearTimeout(this.idleTimer);
    this.pool.released();
    const host = this.host ?? (await this.starting?.catch(() => undefined));
    this.host = undefined;
    await host?.stop();
  }

  private async ready(): Promise<HostProcess> {
    if (this.host && !this.host.ended) return this.host;
    if (this.starting) return this.starting;
    const pauseMs = this.retryAt - performance.now();
    if (pauseMs > 0) {
      throw new ModelUnavailable(
        'the process of the model ended and starts again soon',
        Math.ceil(pauseMs / 1000),
      );
    }
    this.host = undefined;
    this.pool.makeRoom();
    this.starting = this.start().finally(() => (this.starting = undefined));
    return this.starting;
  }

  private async start(): Promise<HostProcess> {
    let host: HostProcess | undefined;
    try {
      host = await HostProcess.start(this.file, this.options);
      await host.load(this.definition);
      this.host = host;
      return host;
    } catch (error) {
      await host?.stop();
      // The gate has admitted this file, so the file has changed since, or there is less memory than there was.
      if (error instanceof GraphRefused || error instanceof ModelUnavailable) throw this.pause(error);
      throw error;
    }
  }

  /** Notes a failed process, so that none starts before a pause has passed, and makes the error for the caller. */
  private pause(cause: Error): ModelUnavailable {
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.failures, LONGEST_PAUSE_MS);
    this.failures++;
    this.retryAt = performance.now() + pauseMs;
    const failure = new ModelUnavailable('the model could not be started', Math.ceil(pauseMs / 1000), {
      cause,
    });
    this.options.onFailure(failure, this.file);
    return failure;
  }
}
