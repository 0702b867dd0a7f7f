import type { Tensor } from 'onnxruntime-node';
import { GraphRefused, ModelRunError, ModelUnavailable } from '../errors.js';
import type { GraphSession, OutputTensor } from '../graph-session.js';
import type { SignatureDefinition } from '../signature-definition.js';
import { HeldProcess } from './held-process.js';
import { type HostLimits, HostProcess, type ModelFile } from './host-process.js';
import type { Places } from './places.js';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 60_000;
/** The most values that one output may have for a row: far more than any classifier has classes. */
const MAX_VALUES_A_ROW = 10_000;

export interface HostedGraphOptions extends HostLimits {
  /** Where processes find room: those of models that answer and those of files that are tried alike. */
  readonly places: Places;
  /** A process that was asked for nothing for this long is ended. */
  readonly idleMs: number;
  /** Called when a process has died or was killed, so that the log can tell of it. */
  readonly onFailure: (error: ModelUnavailable, file: ModelFile) => void;
}

/**
 * One uploaded graph. Its process is started by the first request and ends when it has been idle for a while, or when
 * its place is needed for others. When the process dies or hangs, the requests that it had fail, and the next process
 * starts after a pause that doubles until a request succeeds.
 */
export class HostedGraph implements GraphSession {
  /** The process that takes requests; one that gives way takes none. */
  private held?: HeldProcess;
  private failures = 0;
  private retryAt = 0;
  private idleTimer?: NodeJS.Timeout;
  private isReleased = false;

  /** @param released is called once the graph takes no more requests */
  constructor(
    private readonly owner: string,
    private readonly file: ModelFile,
    private readonly definition: SignatureDefinition,
    private readonly options: HostedGraphOptions,
    private readonly released: () => void,
  ) {}

  get pid(): number | undefined {
    return this.held?.pid;
  }

  async run(
    feeds: Record<string, Tensor>,
    fetches: readonly string[],
  ): Promise<Record<string, OutputTensor>> {
    if (this.isReleased) throw new ModelRunError('the model has been released');
    clearTimeout(this.idleTimer);
    const held = (this.held ??= this.open());
    try {
      return await held.use(async (host) => {
        try {
          const rows = Object.values(feeds)[0]!.dims[0]!;
          const answer = await host.run(feeds, fetches, rows * MAX_VALUES_A_ROW);
          this.failures = 0;
          return answer;
        } catch (error) {
          // Of the requests that a process fails together, the first one notes it.
          if (host.ended && this.held === held) {
            this.held = undefined;
            this.pause(host.ended);
          }
          throw error;
        }
      });
    } finally {
      if (held.pending === 0 && this.held === held)
        this.idleTimer = setTimeout(() => void held.stop(), this.options.idleMs).unref();
    }
  }

  async release(): Promise<void> {
    this.isReleased = true;
    clearTimeout(this.idleTimer);
    this.released();
    await this.held?.stop();
  }

  /** @throws ModelUnavailable while a failed process is not to be replaced yet */
  private open(): HeldProcess {
    const pauseMs = this.retryAt - performance.now();
    if (pauseMs > 0) {
      throw new ModelUnavailable(
        'the process of the model ended and starts again soon',
        Math.ceil(pauseMs / 1000),
      );
    }
    return new HeldProcess(
      this.owner,
      this.options.places,
      () => this.start(),
      (held) => {
        if (this.held === held) this.held = undefined;
      },
    );
  }

  private async start(): Promise<HostProcess> {
    let host: HostProcess | undefined;
    try {
      host = await HostProcess.start(this.file, this.options);
      await host.load(this.definition);
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
