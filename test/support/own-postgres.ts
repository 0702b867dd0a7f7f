import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A migrated PostgreSQL of one spec alone, whose processes can be stopped and continued. */
export class OwnPostgres {
  private constructor(
    private readonly child: ChildProcess,
    readonly appUrl: string,
    readonly systemUrl: string,
    private readonly dataDir: string,
  ) {}

  static async start(): Promise<OwnPostgres> {
    const child = spawn(process.execPath, [join(__dirname, 'serve-postgres.mjs')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout! });
    const [line] = (await once(lines, 'line')) as [string];
    const { appUrl, systemUrl, dataDir } = JSON.parse(line) as Record<string, string>;
    return new OwnPostgres(child, appUrl!, systemUrl!, dataDir!);
  }

  /** No process of it does anything any more: connections stay, and new ones are taken by the kernel alone. */
  freeze(): void {
    // The first one goes first, so that it makes no others.
    for (const pid of [this.postmaster, ...this.children()]) process.kill(pid, 'SIGSTOP');
  }

  thaw(): void {
    for (const pid of [this.postmaster, ...this.children()]) process.kill(pid, 'SIGCONT');
  }

  async stop(): Promise<void> {
    this.thaw();
    const gone = once(this.child, 'exit');
    this.child.stdin!.end();
    await gone;
  }

  private get postmaster(): number {
    return Number(readFileSync(join(this.dataDir, 'postmaster.pid'), 'utf8').split('\n')[0]);
  }

  private children(): number[] {
    const parentOf = (pid: number): number => {
      try {
        // Behind the name in brackets, which may hold anything: the state, then the parent.
        return Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]);
      } catch {
        return 0; // It has just ended.
      }
    };
    const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
    return pids.filter((pid) => parentOf(pid) === this.postmaster);
  }
}
