import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join, resolve } from 'node:path';
import type { Service } from './service.js';

const MAIN = resolve(__dirname, '../../dist/src/main.js');

/** A process of the same installation, as built: something to kill. */
class ServiceProcess {
  protected constructor(private readonly child: ChildProcess) {}

  /**
   * @param within a command that becomes the process which it is given
   * @returns the process, and its line of log that says `ready`
   */
  protected static async spawn(
    service: Service,
    ready: string,
    env: Record<string, string>,
    onLine: (line: string) => void = () => undefined,
    within: readonly string[] = [],
  ): Promise<[ChildProcess, { url?: string }]> {
    const [file = process.execPath, ...args] = [...within, process.execPath, MAIN];
    const child = spawn(file, args, {
      cwd: join(MAIN, '../../..'),
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        ...service.environment,
        MODELPLANE_LOG_LEVEL: 'info',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', onLine);
    const line = await new Promise<string>((found, failed) => {
      lines.on('line', (text) => text.includes(`"msg":"${ready}"`) && found(text));
      child.once('exit', (code) => failed(new Error(`the process ended with code ${code}`)));
    });
    return [child, JSON.parse(line)];
  }

  /** The process does nothing; what is sent to it waits in its sockets. */
  pause(): void {
    this.child.kill('SIGSTOP');
  }

  resume(): void {
    this.child.kill('SIGCONT');
  }

  /** @returns once the process is gone */
  async kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill(signal);
    await gone;
  }
}

/** A worker, ready to take jobs. */
export class WorkerProcess extends ServiceProcess {
  static async start(service: Service, env: Record<string, string> = {}): Promise<WorkerProcess> {
    const [child] = await this.spawn(service, 'worker ready', { MODELPLANE_ROLE: 'worker', ...env });
    return new WorkerProcess(child);
  }
}

/** An API, listening at `url`. */
export class ApiProcess extends ServiceProcess {
  private constructor(
    child: ChildProcess,
    readonly url: string,
  ) {
    super(child);
  }

  /**
   * @param onLine gets each line of its log
   * @param within a command that becomes the process which it is given
   */
  static async start(
    service: Service,
    env: Record<string, string> = {},
    onLine?: (line: string) => void,
    within?: readonly string[],
  ): Promise<ApiProcess> {
    const all = { MODELPLANE_ROLE: 'api', ...env };
    const [child, { url }] = await this.spawn(service, 'api ready', all, onLine, within);
    return new ApiProcess(child, url as string);
  }
}
