import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ValidateFunction } from 'ajv';
import {
  EngineUnavailable,
  type ComputeEngine,
  type ComputeOutcome,
  type RunOptions,
} from './compute-engine.js';
import { compileContract } from './contract.js';
import type { JobEvent } from './job-event.js';
import { JobRun } from './job-run.js';
import { LineReader } from './line-reader.js';
import { WarmParent } from './warm-parent.js';

export interface LocalEngineOptions {
  /** The interpreter that has the trainer's requirements. */
  readonly python: string;
  /** The folder of the trainer; its `src` is put on Python's path. */
  readonly trainerDir: string;
  /** Default: `contracts` at the root of the repository. */
  readonly contractsDir?: string;
  /** A private folder for the socket. Default: a fresh one under the system's temporary folder. */
  readonly socketDir?: string;
  /** What to pick the few variables from that jobs may see; never handed on whole, it holds secrets. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /**
   * What any job may send for once it runs, by name, such as what it needs to reach the object store. The warm parent
   * never sees it, so that no other job inherits it.
   */
  readonly credentials?: () => Promise<object>;
  /** Default 60,000: importing the Python packages takes 5 s on an idle machine. */
  readonly startTimeoutMs?: number;
  /** What the Python process writes beside events, line by line. */
  readonly onLog?: (line: string) => void;
}

const MAX_EVENT_BYTES = 8 * 2 ** 20;
/** sun_path has 104 bytes on macOS and 108 on Linux, with the closing NUL. */
const MAX_SOCKET_PATH_BYTES = 103;
/** How long an aborted job's process may take to be gone before the connection is cut without knowing. */
const ABORT_TIMEOUT_MS = 10_000;
/** The line of a job's process that asks for credentials: trainer/src/modelplane_trainer/credentials.py. */
const CREDENTIALS_WANTED = '{"type": "credentials_wanted"}';
/** The line that asks a job to give way: trainer/src/modelplane_trainer/forkserver.py. */
const GIVE_WAY = '{"type": "give_way"}\n';
const PASSED_ON = [
  ...['PATH', 'HOME', 'LANG', 'LC_ALL', 'TMPDIR', 'TZ'],
  ...[
    'OMP_NUM_THREADS',
    'OPENBLAS_NUM_THREADS',
    'MKL_NUM_THREADS',
    'NUMEXPR_NUM_THREADS',
    'LOKY_MAX_CPU_COUNT',
  ],
];

/**
 * Runs each job in a child that a warm Python process forks. One such process an engine, started when needed. A job
 * ends with the process that runs the engine, so that there is never one to attach to again.
 */
export class LocalEngine implements ComputeEngine {
  readonly name = 'local';
  private readonly checkEvent: ValidateFunction<JobEvent>;
  private parent: Promise<WarmParent> | null = null;
  private ownSocketDir: Promise<string> | null = null;
  private starts = 0;
  private accepted = 0;
  private readonly closing = new AbortController();

  constructor(private readonly options: LocalEngineOptions) {
    this.checkEvent = compileContract<JobEvent>('job-event.v1', options.contractsDir);
  }

  /** Starts the Python process ahead of the first job. @throws EngineUnavailable */
  async warmUp(): Promise<void> {
    await this.warmParent();
  }

  async run(spec: object, options: RunOptions): Promise<ComputeOutcome> {
    const { signal, onEvent, onAccepted } = options;
    const run = new JobRun(spec, this.checkEvent, onEvent);
    const connected = await this.connect(signal);
    if (connected === 'aborted') return { type: 'aborted' };
    const { socket, parent } = connected;
    try {
      await onAccepted?.(`${parent.pid}-${++this.accepted}`);
    } catch (error) {
      socket.destroy();
      throw error;
    }
    await converse(socket, spec, run, options, this.options.credentials);
    return signal.aborted ? { type: 'aborted' } : run.outcome();
  }

  /** Ends the Python process and every job in it; those runs end as crashed. */
  async close(): Promise<void> {
    this.closing.abort();
    const parent = await this.parent?.catch(() => null);
    await parent?.stop();
    if (this.ownSocketDir) await rm(await this.ownSocketDir, { recursive: true, force: true });
  }

  private async connect(signal: AbortSignal): Promise<{ socket: Socket; parent: WarmParent } | 'aborted'> {
    for (let attempt = 1; ; attempt++) {
      if (signal.aborted) return 'aborted';
      const starting = this.warmParent();
      const parent = await untilAborted(starting, signal);
      if (parent === 'aborted') return 'aborted';
      try {
        return { socket: await parent.connect(), parent };
      } catch (error) {
        // A refused connection means that it has died and nobody has noticed: take a new one, once. Any other
        // fault is no reason to end a process that others' jobs run in.
        const isDead = ['ECONNREFUSED', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '');
        if (!isDead || attempt === 2) {
          throw new EngineUnavailable('the Python process that runs jobs takes no more', { cause: error });
        }
        if (this.parent === starting) this.parent = null;
        await parent.stop();
      }
    }
  }

  private warmParent(): Promise<WarmParent> {
    if (this.closing.signal.aborted) return Promise.reject(new EngineUnavailable('the engine is closed'));
    if (this.parent) return this.parent;
    const starting = this.startParent();
    this.parent = starting;
    const forget = () => {
      if (this.parent === starting) this.parent = null;
    };
    starting.then((parent) => parent.onExit(forget), forget);
    return starting;
  }

  private async startParent(): Promise<WarmParent> {
    const { python, environment, startTimeoutMs = 60_000, onLog = () => undefined } = this.options;
    const trainerDir = resolve(this.options.trainerDir);
    const socketPath = join(await this.socketDir(), `jobs-${++this.starts}.sock`);
    if (Buffer.byteLength(socketPath) > MAX_SOCKET_PATH_BYTES) {
      throw new EngineUnavailable(`the path of the socket is too long for the system: ${socketPath}`);
    }
    return WarmParent.start({
      // The process starts in the trainer's folder, where a relative path would mean another file.
      command: python.includes('/') ? resolve(python) : python,
      args: ['-m', 'modelplane_trainer', 'forkserver', '--socket', socketPath],
      cwd: trainerDir,
      environment: {
        ...pick(environment, PASSED_ON),
        PYTHONPATH: join(trainerDir, 'src'),
        PYTHONUNBUFFERED: '1',
      },
      socketPath,
      startTimeoutMs,
      signal: this.closing.signal,
      onLog,
    });
  }

  private socketDir(): Promise<string> {
    if (this.options.socketDir !== undefined) return Promise.resolve(this.options.socketDir);
    // mkdtemp makes it for this user alone, and whoever can open the socket can run jobs.
    this.ownSocketDir ??= mkdtemp(join(tmpdir(), 'modelplane-'));
    return this.ownSocketDir;
  }
}

/** Sends the spec and reads until the other side has closed: by then the job's process is gone. */
async function converse(
  socket: Socket,
  spec: object,
  run: JobRun,
  { signal, giveWay, secrets }: RunOptions,
  credentials: LocalEngineOptions['credentials'] = () => Promise.resolve({}),
): Promise<void> {
  let failure: unknown = null;
  let timer: NodeJS.Timeout | undefined;
  const hangUp = () => {
    // Half a close: the parent kills the job at our end of file, and its own close confirms it.
    socket.end();
    timer ??= setTimeout(() => socket.destroy(), ABORT_TIMEOUT_MS);
  };
  const fail = (error: unknown) => {
    failure = error;
    hangUp();
  };
  const guarded = (read: () => void) => {
    if (failure !== null || signal.aborted) return;
    try {
      read();
    } catch (error) {
      fail(error);
    }
  };
  const answerWith = async (ask: NonNullable<LocalEngineOptions['credentials']>) => {
    const answer = await ask().catch(fail);
    if (failure === null && !signal.aborted) socket.write(`${JSON.stringify({ ...answer, ...secrets })}\n`);
  };
  let isAsked = false;
  // Before its first event, the job may still read its credentials from the connection.
  const askToGiveWay = () => {
    if (isAsked || !giveWay?.aborted || !run.hasBegun || !socket.writable) return;
    isAsked = true;
    socket.write(GIVE_WAY);
  };
  const reader = new LineReader(
    MAX_EVENT_BYTES,
    (line) => {
      if (line === CREDENTIALS_WANTED) return void answerWith(credentials);
      guarded(() => run.readLine(line));
      askToGiveWay();
    },
    () => guarded(() => run.reportTooLongLine(MAX_EVENT_BYTES)),
  );
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => reader.push(chunk));
    socket.on('end', () => {
      reader.end();
      socket.end();
    });
    // A reset tells no more than the close that follows: the parent is gone.
    socket.on('error', () => undefined);
    socket.once('close', () => resolve());
    signal.addEventListener('abort', hangUp, { once: true });
    giveWay?.addEventListener('abort', askToGiveWay, { once: true });
    socket.write(`${JSON.stringify(spec)}\n`);
    if (signal.aborted) hangUp();
  });
  clearTimeout(timer);
  signal.removeEventListener('abort', hangUp);
  giveWay?.removeEventListener('abort', askToGiveWay);
  if (failure !== null) throw failure;
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | 'aborted'> {
  let stopWaiting: () => void = () => undefined;
  const aborted = new Promise<'aborted'>((resolve) => {
    stopWaiting = () => resolve('aborted');
    signal.addEventListener('abort', stopWaiting, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stopWaiting);
  }
}

function pick(
  from: Readonly<Record<string, string | undefined>>,
  names: readonly string[],
): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]]])));
}
