import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { RuntimeConfig, TasksConfig } from '../src/config/index.js';
import { dataSourceOptions } from '../src/platform/database/data-source.js';
import { Database } from '../src/platform/database/database.js';
import type { AppLogger } from '../src/platform/observability/logger.js';
import { type TaskLease, TaskLost } from '../src/platform/tasks/task-lease.js';
import { Tasks } from '../src/platform/tasks/tasks.js';
import { TasksRepository } from '../src/platform/tasks/tasks.repository.js';
import { Timers } from '../src/platform/timers/timers.js';
import { cloneDatabase, type TestDatabase } from './support/database.js';
import { WorkerProcess } from './support/processes.js';
import { Service } from './support/service.js';
import { TcpProxy } from './support/tcp-proxy.js';

const SILENT = { failure: () => undefined, warn: () => undefined } as unknown as AppLogger;
const LEASE_SECONDS = 2;

interface Row {
  holder: string | null;
  attempt: number;
  last_outcome: string | null;
  last_error: string | null;
}

/** Resolves once it is called. */
function signal(): { given: Promise<void>; give: () => void } {
  let give: () => void = () => undefined;
  const given = new Promise<void>((resolve) => (give = resolve));
  return { given, give };
}

describe('a task', () => {
  let database: TestDatabase;
  let name = '';
  let count = 0;
  let processes: WorkingProcess[];

  beforeAll(async () => {
    database = await cloneDatabase();
  });
  afterAll(() => database.drop());
  beforeEach(() => {
    name = `task-${++count}`;
    processes = [];
  });
  afterEach(async () => {
    for (const each of processes) await each.end();
  });

  /** What a worker has of tasks, on connections of its own. */
  class WorkingProcess {
    private constructor(
      readonly tasks: Tasks,
      private readonly timers: Timers,
      private readonly source: DataSource,
    ) {}

    static async start(
      url = database.systemUrl,
      role: RuntimeConfig['role'] = 'worker',
    ): Promise<WorkingProcess> {
      const source = await new DataSource(dataSourceOptions(url, 4, 60_000)).initialize();
      const timers = new Timers(SILENT);
      const tasks = new Tasks(
        Object.assign(new TasksConfig(), { leaseSeconds: LEASE_SECONDS }),
        Object.assign(new RuntimeConfig(), { role }),
        new TasksRepository(new Database(source, source)),
        timers,
        SILENT,
      );
      const started = new WorkingProcess(tasks, timers, source);
      processes.push(started);
      return started;
    }

    async end(): Promise<void> {
      await this.timers.onModuleDestroy();
      await this.tasks.onModuleDestroy();
      if (this.source.isInitialized) await this.source.destroy();
    }
  }

  const row = async (of = name): Promise<Row | undefined> =>
    (await database.query<Row>('select * from tasks where name = $1', [of]))[0];

  async function until(holds: (found: Row) => boolean, of = name): Promise<Row> {
    for (;;) {
      const found = await row(of);
      if (found && holds(found)) return found;
      await sleep(20);
    }
  }

  it('should be done by one of two processes at a time', async () => {
    let now = 0;
    const together: number[] = [];
    const attempts: number[] = [];
    const fourth = signal();
    const work = async ({ attempt }: TaskLease) => {
      attempts.push(attempt);
      together.push(++now);
      await sleep(50);
      now--;
      if (attempts.length >= 4) fourth.give();
    };
    for (const { tasks } of [await WorkingProcess.start(), await WorkingProcess.start()])
      tasks.every(name, { seconds: 0 }, work);
    await fourth.given;
    expect(new Set(together)).toEqual(new Set([1]));
    expect(attempts).toEqual(attempts.map((_, at) => at + 1));
  });

  it('should be nothing that an API does', async () => {
    const [api, worker] = [
      await WorkingProcess.start(database.systemUrl, 'api'),
      await WorkingProcess.start(),
    ];
    const done: string[] = [];
    const twice = signal();
    api.tasks.every(name, { seconds: 0 }, async () => done.push('api'));
    worker.tasks.every(name, { seconds: 0 }, async () => done.push('worker') > 1 && twice.give());
    await twice.given;
    expect(done).not.toContain('api');
  });

  it('should go to another process once its holder hangs, after the holder has stopped', async () => {
    const proxy = await TcpProxy.to(database.systemUrl);
    const [first, second] = [await WorkingProcess.start(proxy.through()), await WorkingProcess.start()];
    const begun = signal();
    let held: TaskLease | undefined;
    const stopped: unknown[] = [];
    first.tasks.every(name, { seconds: 3600 }, async (lease) => {
      held = lease;
      begun.give();
      while (!lease.signal.aborted) await sleep(20);
      try {
        lease.refuseLost();
      } catch (error) {
        stopped.push(error);
        throw error;
      }
    });
    await begun.given;
    expect(held?.signal.aborted).toBe(false);
    proxy.hang();
    const taken = signal();
    let wasHeld: boolean | undefined;
    second.tasks.every(name, { seconds: 3600 }, async () => {
      wasHeld = held?.signal.aborted === false;
      taken.give();
    });
    await taken.given;
    expect(wasHeld).toBe(false);
    const done = await until(({ last_outcome }) => last_outcome !== null);
    expect(done).toMatchObject({ attempt: 2, holder: null, last_outcome: 'succeeded' });
    expect(stopped).toEqual([expect.any(TaskLost)]);
    await proxy.cut();
    await first.end();
    expect(await row()).toEqual(done);
  });

  it('should be kept from its old holder, which says nothing of how it ended', async () => {
    const first = await WorkingProcess.start();
    const [begun, released] = [signal(), signal()];
    first.tasks.every(name, { seconds: 3600 }, async () => {
      begun.give();
      await released.given;
      throw new Error('of the old holder');
    });
    await begun.given;
    // As another process would have claimed it.
    await database.query(
      `update tasks set attempt = attempt + 1, holder = 'other', lease_until = now() + interval '1 hour' where name = $1`,
      [name],
    );
    released.give();
    await first.end();
    expect(await row()).toMatchObject({ attempt: 2, holder: 'other', last_outcome: null, last_error: null });
  });

  it('should be given back by a process that shuts down, to go on at once', async () => {
    const first = await WorkingProcess.start();
    const [begun, taken] = [signal(), signal()];
    first.tasks.every(name, { seconds: 3600 }, async (lease) => {
      begun.give();
      while (!lease.signal.aborted) await sleep(20);
      lease.refuseLost();
    });
    await begun.given;
    await first.end();
    expect(await row()).toMatchObject({ attempt: 1, holder: null, last_outcome: null });
    (await WorkingProcess.start()).tasks.every(name, { seconds: 3600 }, async () => taken.give());
    await taken.given;
    expect(await until(({ last_outcome }) => last_outcome !== null)).toMatchObject({ attempt: 2 });
  });

  it('should keep why it failed, and come again', async () => {
    const { tasks } = await WorkingProcess.start();
    tasks.every(name, { seconds: 3600 }, async ({ attempt }) => {
      if (attempt === 1) throw new Error('for the first\0time');
    });
    const failed = await until(({ last_outcome }) => last_outcome !== null);
    expect(failed).toMatchObject({ last_outcome: 'failed', last_error: 'for the first\ufffdtime' });
    await tasks.hurry(name);
    const done = await until(({ last_outcome }) => last_outcome === 'succeeded');
    expect(done).toMatchObject({ attempt: 2, last_error: null });
  });

  it('should be done once more where it is asked for while it is done', async () => {
    const { tasks } = await WorkingProcess.start();
    const again = signal();
    tasks.every(name, { seconds: 3600 }, async ({ attempt }) => {
      if (attempt === 1) await tasks.hurry(name);
      else again.give();
    });
    await again.given;
    expect(await until(({ holder }) => holder === null)).toMatchObject({ attempt: 2 });
  });

  it('should lose its lease where it takes longer than it may', async () => {
    const { tasks } = await WorkingProcess.start();
    const lost = signal();
    tasks.every(name, { seconds: 3600, maxRunSeconds: 0 }, async (lease) => {
      if (lease.attempt > 1) return;
      while (!lease.signal.aborted) await sleep(20);
      lost.give();
      lease.refuseLost();
    });
    await lost.given;
    expect(await until(({ last_outcome }) => last_outcome !== null)).toMatchObject({ attempt: 2 });
  });

  it('should have a name that no other has', async () => {
    const { tasks } = await WorkingProcess.start();
    tasks.every(name, { seconds: 1 }, async () => undefined);
    expect(() => tasks.every(name, { seconds: 1 }, async () => undefined)).toThrow(
      /two tasks have the name task-/,
    );
  });
});

describe('the tasks of a service', () => {
  let service: Service;

  beforeAll(async () => {
    service = await Service.start({
      env: { MODELPLANE_TASKS_LEASE_SECONDS: '2', MODELPLANE_JOBS_RECONCILE_SECONDS: '1' },
    });
  });
  afterAll(() => service.stop());

  it('should go on with another worker when one stands still, which then changes nothing', async () => {
    const name = 'job-reconciliation';
    const rows = () => service.database.query<Row>('select * from tasks where name = $1', [name]);
    const until = async (holds: (found: Row) => boolean): Promise<Row> => {
      for (;;) {
        const [found] = await rows();
        if (found && holds(found)) return found;
        await sleep(20);
      }
    };
    const release = await locked('jobs');
    const first = await WorkerProcess.start(service);
    const { attempt, holder } = await until((found) => found.holder !== null);
    first.pause();
    const second = await WorkerProcess.start(service);
    try {
      const taken = await until((found) => found.attempt > attempt);
      expect(taken.holder).not.toBe(holder);
      await release();
      await until((found) => found.last_outcome === 'succeeded' && found.attempt > attempt);
      first.resume();
      await second.kill('SIGTERM');
      // The one that stood still takes part again.
      const { attempt: last } = await until((found) => found.holder === null);
      expect(await until((found) => found.attempt > last)).toMatchObject({ last_outcome: 'succeeded' });
    } finally {
      await first.kill('SIGKILL');
      await second.kill('SIGKILL');
    }
  });

  it('should tell when they were last done, in metrics', async () => {
    const { body } = await service.with(undefined).get('/metrics');
    const [, seconds] =
      /modelplane_task_last_success_timestamp_seconds\{task="job-reconciliation"\} ([\d.e+]+)/.exec(body) ??
      [];
    expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(3600);
  });

  /** Locks a table whole, until the function that is returned is called. */
  async function locked(table: string): Promise<() => Promise<void>> {
    const client = new pg.Client({ connectionString: service.database.ownerUrl });
    await client.connect();
    await client.query('begin');
    await client.query(`lock table ${table} in access exclusive mode`);
    return () => client.end();
  }
});
