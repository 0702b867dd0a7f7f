import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join, resolve } from 'node:path';
import type { Service } from './service.js';

const MAIN = resolve(__dirname, '../../dist/src/main.js');

/** A worker of the same installation in a process of its own, as built: something to kill. */
export class WorkerProcess {
  private constructor(private readonly child: ChildProcess) {}

  /** Ready to take jobs when this resolves. */
  static async start(service: Service): Promise<WorkerProcess> {
    const child = spawn(process.execPath, [MAIN], {
      cwd: join(MAIN, '../../..'),
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        ...service.environment,
        MODELPLANE_ROLE: 'worker',
        MODELPLANE_LOG_LEVEL: 'info',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    await new Promise<void>((ready, failed) => {
      lines.on('line', (line) => line.includes('"msg":"worker ready"') && ready());
      child.once('exit', (code) => failed(new Error(`the worker ended with code ${code}`)));
    });
    return new WorkerProcess(child);
  }

  /** @returns once the process is gone */
  async kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill(signal);
    await gone;
  }
}
