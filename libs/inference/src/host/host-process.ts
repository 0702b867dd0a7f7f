import { type ChildProcess, spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Tensor } from 'onnxruntime-node';
import { GraphRefused, ModelRunError, ModelUnavailable } from '../errors.js';
import type { ScannedGraph } from '../gate/scan.js';
import type { OutputTensor } from '../graph-session.js';
import type { SignatureDefinition } from '../signature-definition.js';
import { toSent } from '../sent-tensor.js';
import { compiled } from './compiled.js';
import type { Reply, Request } from './messages.js';

export interface ModelFile {
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Opens a stream of the content from its beginning. */
  open(): Promise<Readable>;
}

export interface HostLimits {
  /** The command that the process is started with, which takes rights from it; the process's own follows. */
  readonly launcher: Promise<readonly string[]>;
  /** The most private memory of the process, native and JavaScript together. */
  readonly memoryBytes: number;
  /** The most processor time of the process over its whole life; without it there is no limit. */
  readonly cpuSeconds?: number;
  /** How long the process may take to start and scan the file, and once more to load the graph. */
  readonly loadTimeoutMs: number;
  /** How long the process may go without any answer while one is awaited. */
  readonly runTimeoutMs: number;
}

/**
 * The shell sets limits for itself, which the program that it becomes inherits: on private memory (RLIMIT_DATA counts
 * native memory too, and not what is only reserved), no core file, no writing to files. The shell leaves a watcher that
 * kills the program once descriptor 3 is closed, which happens when this process ends, however it ends.
 */
const SCRIPT = `
ulimit -c 0
ulimit -f 0
ulimit -d "$1"
[ "$2" -gt 0 ] && ulimit -t "$2"
shift 2
echo 1000 2>/dev/null >/proc/self/oom_score_adj
(
  trap '' INT TERM HUP
  read -r _ <&3
  kill -s KILL $$
) </dev/null >/dev/null 2>&1 &
exec "$@" 3<&-
`;

/** A small heap is enough: JavaScript only passes tensors on, and large ones lie outside of its heap. */
const HEAP_MEGABYTES = 128;
const REMEMBERED_BYTES = 4096;
/** Models that are busy leave the processors to what answers requests (`nice`). */
const NICENESS = 5;

interface Waiting {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** A process that holds one model. It gets no environment, which may hold secrets, and ends with this process. */
export class HostProcess {
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, Waiting>();
  /** Settles once the process is gone. */
  readonly exited: Promise<void>;
  private ids = 0;
  private timer?: NodeJS.Timeout;
  private failure?: ModelUnavailable;
  private lastWords = '';

  /** The inputs and outputs that the scan has found in the file. */
  graph!: ScannedGraph;

  /**
   * Starts a process and gives it a file, which it scans.
   * @throws GraphRefused where the gate does not let the file in, ModelUnavailable where the process ended
   */
  static async start(file: ModelFile, limits: HostLimits): Promise<HostProcess> {
    const host = new HostProcess(file, limits, await limits.launcher);
    try {
      const content = await file.open();
      // EPIPE only says that the process has died, and its `exit` event tells why.
      const fed = pipeline(content, host.child.stdin as Writable).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE' && !host.failure) host.fail('the file could not be read', error);
      });
      const reply = await host.expect(limits.loadTimeoutMs);
      await fed;
      if (reply.type !== 'scanned') throw new Error(`unexpected ${reply.type}`);
      host.graph = reply.graph;
      return host;
    } catch (error) {
      await host.stop();
      throw error;
    }
  }

  private constructor(
    private readonly file: ModelFile,
    private readonly limits: HostLimits,
    launcher: readonly string[],
  ) {
    const { memoryBytes, cpuSeconds = 0 } = limits;
    this.child = spawn(
      '/bin/sh',
      [
        '-c',
        SCRIPT,
        'model',
        String(Math.floor(memoryBytes / 1024)),
        String(cpuSeconds),
        ...launcher,
        process.execPath,
        `--max-old-space-size=${HEAP_MEGABYTES}`,
        compiled('child.js'),
        String(file.sizeBytes),
      ],
      {
        cwd: '/',
        env: {},
        stdio: ['pipe', 'ignore', 'pipe', 'pipe', 'ipc'],
        serialization: 'advanced',
        // Ctrl-C in a terminal ends the whole process group; in a group of its own the model still answers its callers.
        detached: true,
      },
    );
    if (this.child.pid) setPriority(this.child.pid, NICENESS);
    const leash = this.child.stdio[3];
    for (const stream of [this.child.stdin, leash]) stream?.on('error', () => undefined);
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.lastWords = (this.lastWords + text).slice(-REMEMBERED_BYTES);
    });
    this.child.on('message', (reply: Reply) => this.settle(reply));
    this.exited = new Promise((resolve) => {
      this.child.on('error', (error) => {
        this.fail('the process of the model could not be started', error);
        resolve();
      });
      this.child.once('exit', (code, signal) => {
        leash?.destroy();
        const why = new Error(`exit code ${code}, signal ${signal}; ${this.lastWords}`);
        this.fail('the process of the model ended: it used too much memory or time, or crashed', why);
        resolve();
      });
    });
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Why the process answers no more; undefined while it does. */
  get ended(): ModelUnavailable | undefined {
    return this.failure;
  }

  /** @throws GraphRefused, ModelUnavailable */
  async load(definition: SignatureDefinition): Promise<void> {
    const loaded = this.expect(this.limits.loadTimeoutMs);
    this.send({ type: 'load', sha256: this.file.sha256, definition });
    await loaded;
  }

  /** @throws ModelRunError, ModelUnavailable */
  async run(
    feeds: Record<string, Tensor>,
    fetches: readonly string[],
    maxValues: number,
  ): Promise<Record<string, OutputTensor>> {
    if (this.failure) throw this.failure;
    const id = ++this.ids;
    const answered = this.wait(id, this.limits.runTimeoutMs);
    this.send({ type: 'run', id, feeds: toSent(feeds), fetches, maxValues });
    const reply = await answered;
    if (reply.type !== 'answer') throw new ModelRunError('the model gave no answer');
    const outputs = Object.create(null) as Record<string, OutputTensor>;
    for (const { name, data } of reply.outputs) outputs[name] = { data };
    return outputs;
  }

  /** Ends the process; requests that still wait are rejected with ModelUnavailable. */
  async stop(): Promise<void> {
    this.fail('the process of the model was stopped');
    await this.exited;
  }

  /** Waits for the reply to the file or to `load`, which have no id: nothing else is under way then. */
  private expect(timeoutMs: number): Promise<Reply> {
    return this.wait(0, timeoutMs);
  }

  private wait(id: number, timeoutMs: number): Promise<Reply> {
    const reply = new Promise<Reply>((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    if (this.failure) this.rejectAll(this.failure);
    else if (this.waiting.size === 1) this.watch(timeoutMs);
    return reply;
  }

  /** Starts the time limit anew, after each answer too: requests that still wait have only waited for their turn. */
  private watch(timeoutMs: number): void {
    clearTimeout(this.timer);
    if (this.waiting.size === 0) return;
    const message = `the model did not answer within ${timeoutMs / 1000} seconds`;
    this.timer = setTimeout(() => this.fail(message), timeoutMs);
  }

  private send(request: Request): void {
    // The callback keeps the error of a closed channel from being thrown; the `exit` event tells of that end.
    if (this.child.connected) this.child.send(request, () => undefined);
  }

  private settle(reply: Reply): void {
    const id = 'id' in reply ? reply.id : 0;
    const waiting = this.waiting.get(id);
    if (!waiting) return;
    this.waiting.delete(id);
    this.watch(this.limits.runTimeoutMs);
    const cause = 'cause' in reply ? reply.cause : undefined;
    if (reply.type === 'refused') waiting.reject(new GraphRefused(reply.message, { cause }));
    else if (reply.type === 'failed') waiting.reject(new ModelRunError(reply.message, { cause }));
    else waiting.resolve(reply);
  }

  private fail(message: string, cause?: Error): void {
    if (this.failure) return;
    this.failure = new ModelUnavailable(message, 1, { cause });
    clearTimeout(this.timer);
    this.child.kill('SIGKILL');
    this.rejectAll(this.failure);
  }

  private rejectAll(error: Error): void {
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const { reject } of waiting) reject(error);
  }
}
