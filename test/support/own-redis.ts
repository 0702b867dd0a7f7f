import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { required } from './service.js';

/** A Redis of one spec alone, with settings of its own, which can be killed and started again on what it has on disk. */
export class OwnRedis {
  private child?: ChildProcess;

  private constructor(
    private readonly program: string,
    private readonly port: number,
    private readonly folder: string,
    private readonly settings: readonly string[],
  ) {}

  /** @param settings as on its command line, such as `--appendonly yes` */
  static async start(...settings: string[]): Promise<OwnRedis> {
    const shared = new Redis(required('MODELPLANE_TEST_REDIS_URL'));
    const program = /executable:(\S+)/.exec(await shared.info('server'))![1]!;
    shared.disconnect();
    const folder = await mkdtemp(join(tmpdir(), 'modelplane-redis-'));
    const redis = new OwnRedis(program, await freePort(), folder, settings);
    await redis.run();
    return redis;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}/0`;
  }

  async run(): Promise<void> {
    const own = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.folder, '--save', ''];
    this.child = spawn(this.program, [...own, ...this.settings], { stdio: 'ignore' });
    const client = new Redis(this.url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
    client.on('error', () => undefined);
    await client.ping();
    client.disconnect();
  }

  async kill(): Promise<void> {
    const gone = once(this.child!, 'exit');
    this.child!.kill('SIGKILL');
    await gone;
  }

  async stop(): Promise<void> {
    if (this.child?.exitCode === null && this.child.signalCode === null) await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await sleep(0);
  return port;
}
