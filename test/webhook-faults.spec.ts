import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Deliverer } from '../src/modules/webhooks/deliveries/deliverer.js';
import type { Client } from './support/client.js';
import { WorkerProcess } from './support/processes.js';
import { Receiver } from './support/receiver.js';
import { required, Service } from './support/service.js';
import { TcpProxy } from './support/tcp-proxy.js';

/** Workers that die, stand still or lose their database in the middle of deliveries. */
describe('a delivery', () => {
  let service: Service;
  let worker: WorkerProcess;
  let client: Client;
  let receiver: Receiver;
  let hook: string;
  let tenants = 0;

  beforeAll(async () => {
    service = await Service.start({
      env: {
        MODELPLANE_WEBHOOKS_ALLOW_HTTP: 'true',
        MODELPLANE_WEBHOOKS_ALLOWED_NETWORKS: '127.0.0.0/8',
        MODELPLANE_WEBHOOKS_PORTS: 'any',
        MODELPLANE_WEBHOOKS_TIMEOUT_SECONDS: '60',
      },
    });
    worker = await WorkerProcess.start(service);
  });
  afterAll(async () => {
    await worker?.kill('SIGKILL');
    await service?.stop();
  });
  beforeEach(async () => {
    receiver = await Receiver.start();
    client = await service.as(`tenant-${++tenants}`);
    const body = { url: receiver.url(), events: ['model.registered'] };
    hook = `/api/v1/webhooks/${(await client.post('/api/v1/webhooks', body)).body.webhook_id}`;
  });
  afterEach(() => receiver.stop());

  const deliver = (by = service) => by.app.get(Deliverer, { strict: false }).deliver();
  const register = (name: string) =>
    client.post('/api/v1/models', { name, model_type: 'regression', framework: 'onnx' });
  const deliveries = async () =>
    ((await client.get(`${hook}/deliveries`)).body.data as { state: string; attempts: number }[]).map(
      ({ state, attempts }) => ({ state, attempts }),
    );
  const until = async (holds: () => boolean | Promise<boolean>) => {
    while (!(await holds())) await sleep(20);
  };
  const allDelivered = async () => (await deliveries()).every(({ state }) => state === 'delivered');
  /** Keeps the first request waiting; others are taken at once. */
  const holdFirst = (): ServerResponse[] => {
    const held: ServerResponse[] = [];
    receiver.answer = (response, _, count) =>
      count === 1 ? held.push(response) : response.writeHead(204).end();
    return held;
  };
  const ids = () => receiver.received.map(({ headers }) => headers['webhook-id']);

  it('should be made by another worker where one stands still, which then keeps nothing of its own', async () => {
    const held = holdFirst();
    await register('one');
    await until(() => receiver.received.length === 1);
    worker.pause();
    await deliver();
    expect(await deliveries()).toEqual([{ state: 'delivered', attempts: 1 }]);
    held[0]!.writeHead(500).end();
    worker.resume();
    // It takes part again.
    await register('two');
    await until(async () => (await deliveries()).length === 2 && (await allDelivered()));
    expect(await deliveries()).toEqual([
      { state: 'delivered', attempts: 1 },
      { state: 'delivered', attempts: 1 },
    ]);
    const [first, again, later] = ids();
    expect(again).toBe(first);
    expect(later).not.toBe(first);
    expect(receiver.received).toHaveLength(3);
  });

  it('should be made again, the same, where the worker was killed before it knew the answer', async () => {
    holdFirst();
    await register('one');
    await until(() => receiver.received.length === 1);
    await worker.kill('SIGKILL');
    expect(await deliveries()).toEqual([{ state: 'pending', attempts: 0 }]);
    await deliver();
    const [before, after] = receiver.received;
    expect(after!.body).toBe(before!.body);
    expect(ids()).toEqual([before!.headers['webhook-id'], before!.headers['webhook-id']]);
    expect(await deliveries()).toEqual([{ state: 'delivered', attempts: 1 }]);
  });

  it('should be made again where the database was away when it ended, and lose nothing', async () => {
    const held = holdFirst();
    const databases = [
      await TcpProxy.to(required('MODELPLANE_TEST_APP_URL')),
      await TcpProxy.to(required('MODELPLANE_TEST_APP_URL')),
    ] as const;
    const other = await Service.start({
      beside: service,
      env: ({ appUrl, systemUrl }) => ({
        DATABASE_URL: databases[0].through(appUrl),
        MODELPLANE_DATABASE_SYSTEM_URL: databases[1].through(systemUrl),
      }),
    });
    try {
      await register('one');
      const failed = deliver(other).catch(() => undefined);
      await until(() => receiver.received.length === 1);
      await Promise.all(databases.map((proxy) => proxy.cut()));
      held[0]!.writeHead(204).end();
      await failed;
      for (const name of ['two', 'three']) await register(name);
      await expect(deliver(other)).rejects.toThrow();
      expect(await deliveries()).toEqual([{ state: 'pending', attempts: 0 }]);
      await Promise.all(databases.map((proxy) => proxy.restore()));
      await deliver(other);
    } finally {
      await other.stop();
      await Promise.all(databases.map((proxy) => proxy.cut()));
    }
    expect(await deliveries()).toEqual(Array(3).fill({ state: 'delivered', attempts: 1 }));
    const [first, again, ...later] = ids();
    expect(again).toBe(first);
    expect(new Set(later).size).toBe(2);
  });
});
