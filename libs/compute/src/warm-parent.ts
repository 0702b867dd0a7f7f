import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { EngineUnavailable } from './compute-engine.js';
import { LineReader } from './line-reader.js';

export interface WarmParentOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly socketPath: string;
  readonly startTimeoutMs: number;
  /** Raised when nobody waits for the start any more. */
  readonly signal: AbortSignal;
  readonly onLog: (line: string) => void;
}

const MAX_LOG_LINE_BYTES = 64 * 1024;
const REMEMBERED_LINES = 20;
/** A signal would end the process before it has ended its jobs, so it is the second try. */
const TERMINATE_AFTER_MS = 2000;
const KILL_AFTER_MS = 5000;
/** What a process wrote before it died is still to be read. */
const LAST_WORDS_MS = 500;

/**
 * The Python process that has everything imported and forks one child a job. It lives as long as the pipe to
 * its stdin is open, so it ends, and its children with it, however this process ends.
 */
export class WarmParent {
  private readonly process: ChildProcess;
  private readonly lastErrors: string[] = [];
  private readonly connections = new Set<Socket>();
  private readonly exited: Promise<void>;
  /** Exited, and all it wrote has been read. */
  private readonly closed: Promise<unknown>;
  private isReady = false;
  private onReady: () => void = () => undefined;

  /** @throws EngineUnavailable when it does not become ready in time */
  static async start(options: WarmParentOptions): Promise<WarmParent> {
    const parent = new WarmParent(options);
    try {
      await parent.waitUntilReady();
      return parent;
    } catch (error) {
      await parent.stop();
      throw error;
    }
  }

  private constructor(private readonly options: WarmParentOptions) {
    this.process = spawn(options.command, options.args, {
      cwd: options.cwd,
      env: options.environment,
      stdio: ['pipe', 'pipe', 'pipe'],
      // Ctrl-C in a terminal reaches the whole group: jobs must outlive it until the worker has let go of them.
      detached: true,
    });
    this.exited = new Promise((resolve) => {
      this.process.once('exit', () => resolve());
      this.process.once('error', (error) => {
        this.remember(error.message);
        resolve();
      });
    });
    this.closed = new Promise((resolve) => this.process.once('close', resolve));
    void this.exited.then(() => {
      setTimeout(() => this.connections.forEach((socket) => socket.destroy()), LAST_WORDS_MS);
    });
    // Writing to a dead process is not what tells that it died.
    this.process.stdin!.on('error', () => undefined);
    this.readLines(this.process.stdout!, (line) => {
      if (line !== 'ready' || this.isReady) options.onLog(line);
      else {
        this.isReady = true;
        this.onReady();
      }
    });
    this.readLines(this.process.stderr!, (line) => {
      this.remember(line);
      options.onLog(line);
    });
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  /** Calls back once when the process is gone. */
  onExit(callback: () => void): void {
    void this.exited.then(callback);
  }

  /**
   * Opens a connection for one job. It is cut soon after the process has died, whoever else still holds it.
   * @throws the socket's error, when the process has died but its exit is not known yet
   */
  async connect(): Promise<Socket> {
    const socket = connect({ path: this.options.socketPath, allowHalfOpen: true });
    await once(socket, 'connect');
    this.connections.add(socket);
    socket.once('close', () => this.connections.delete(socket));
    return socket;
  }

  /** Ends the process and its jobs: at the end of its stdin it does so itself, else by force after 5 s. */
  async stop(): Promise<void> {
    this.process.stdin!.end();
    const ask = setTimeout(() => this.process.kill('SIGTERM'), TERMINATE_AFTER_MS);
    const force = setTimeout(() => this.process.kill('SIGKILL'), KILL_AFTER_MS);
    await this.exited;
    clearTimeout(ask);
    clearTimeout(force);
    await rm(this.options.socketPath, { force: true });
  }

  private async waitUntilReady(): Promise<void> {
    const { startTimeoutMs, signal } = this.options;
    let isLate = false;
    // It has no jobs yet that it would have to end first.
    const giveUp = () => this.process.kill('SIGKILL');
    const timer = setTimeout(() => (isLate = giveUp()), startTimeoutMs);
    signal.addEventListener('abort', giveUp);
    if (signal.aborted) giveUp();
    const ready = new Promise<void>((resolve) => (this.onReady = resolve));
    await Promise.race([ready, this.exited]);
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
    if (this.isReady) return;
    await Promise.race([this.closed, new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS))]);
    const { exitCode, signalCode } = this.process;
    const reason = isLate
      ? `was not ready after ${startTimeoutMs / 1000} s`
      : this.process.pid === undefined
        ? 'could not be started'
        : `ended before it was ready (${signalCode ?? `exit code ${exitCode}`})`;
    const said = this.lastErrors.length > 0 ? `:\n${this.lastErrors.join('\n')}` : '';
    throw new EngineUnavailable(`the Python process that runs jobs ${reason}${said}`);
  }

  private readLines(stream: Readable, onLine: (line: string) => void): void {
    const reader = new LineReader(MAX_LOG_LINE_BYTES, onLine, () => onLine('(a line too long to show)'));
    stream.on('data', (chunk: Buffer) => reader.push(chunk));
    stream.on('end', () => reader.end());
  }

  private remember(line: string): void {
    this.lastErrors.push(line);
    if (this.lastErrors.length > REMEMBERED_LINES) this.lastErrors.shift();
  }
}
