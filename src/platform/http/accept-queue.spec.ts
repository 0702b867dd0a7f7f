import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { HttpConfig } from '../../config/index.js';
import { Load } from '../load/load.js';
import { Refusals } from '../load/refusals.js';
import { Metrics } from '../observability/metrics.js';
import { AcceptQueue } from './accept-queue.js';
import { API } from './api.surface.js';
import { Surfaces } from './surfaces.js';

const CALLERS = 10;

describe('requests of queued routes for which the main thread has no time', () => {
  let server: Server;
  let sockets: Socket[];
  let handled: string[];
  /** Whether each that was handled was alone. */
  let alone: boolean[];
  const metrics = new Metrics();
  const load = new Load();
  let queue: AcceptQueue;
  const config = new HttpConfig();
  /** What the next request to be handled takes, and the one after it. */
  let blockMs: number[];

  beforeAll(async () => {
    server = createServer((request, response) => {
      for (const end = performance.now() + (blockMs.shift() ?? 0); performance.now() < end;) continue;
      handled.push(`${request.method} ${request.url}`);
      alone.push(load.isAlone);
      response.end('answered');
    });
    queue = new AcceptQueue(config, load, new Refusals(metrics), metrics, new Surfaces([API]));
    queue.add('POST', '/predictions');
    queue.add('PUT', '/ensembles/predictions');
    queue.standBefore(server, ({ url }) => /tenant=(\w+)/.exec(url!)?.[1]);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    sockets = Array.from({ length: CALLERS }, () => connect(port, '127.0.0.1').setEncoding('utf8'));
    await statuses([]);
  });
  /** Nothing is refused for its wait, however busy the machine is, but where a test sets another limit. */
  beforeEach(() => (config.maxDelayMs = 60_000));
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  /** Asks on all connections at once, so that all of it lies there in one turn of the event loop. */
  async function statuses(
    blocks: number[],
    targets = Array<string>(CALLERS).fill('POST /predictions'),
  ): Promise<string[]> {
    blockMs = blocks;
    [handled, alone] = [[], []];
    const answers = sockets.map(
      (socket) => new Promise<string>((resolve) => socket.once('data', (text) => resolve(String(text)))),
    );
    for (const [at, target] of targets.entries())
      sockets[at]!.write(`${target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`);
    return (await Promise.all(answers)).map((answer) => answer.slice(9, 12));
  }

  const all = (status: string) => Array<string>(CALLERS).fill(status);

  it('should be answered after one long pause', async () => {
    config.maxDelayMs = 1000;
    expect(await statuses([1200])).toEqual(all('200'));
  });

  it('should be refused where they waited for too long, first come first served, and answered again', async () => {
    config.maxDelayMs = 1000;
    const answers = await statuses([300, 1500]);
    expect(answers.slice(0, 2)).toEqual(['200', '200']);
    expect(answers.at(-1)).toBe('503');
    expect(answers.filter((status) => status === '200')).toHaveLength(handled.length);
    expect(await statuses([])).toEqual(all('200'));
  });

  it('should be handled in turns of their tenants, each in order', async () => {
    const targets = ['a', 'a', 'a', 'a', 'a', 'a', 'a', 'b', 'b', 'c'].map(
      (tenant) => `POST /predictions?tenant=${tenant}`,
    );
    expect(await statuses([60], targets)).toEqual(all('200'));
    expect(handled.map((target) => target.at(-1)).join('')).toBe('aabcabaaaa');
  });

  it('should be told from one that has nobody beside it', async () => {
    await statuses([]);
    expect(alone.slice(0, 3)).toEqual([true, false, false]);
    await statuses([60]);
    expect(alone.slice(1, -1)).not.toContain(true);
  });

  it('should let other routes pass', async () => {
    const targets = [
      ...Array<string>(CALLERS - 2).fill('POST /predictions'),
      'GET /predictions',
      'GET /health',
    ];
    expect(await statuses([60], targets)).toEqual(all('200'));
    expect(handled.indexOf('GET /predictions')).toBeLessThan(handled.lastIndexOf('POST /predictions'));
    expect(handled.indexOf('GET /health')).toBeLessThan(handled.lastIndexOf('POST /predictions'));
  });

  it.each([
    'POST /predictions?a=1',
    'POST /predictions/?a=/predictions',
    'POST /predictions#a',
    'POST /predict%69ons',
    'POST http://localhost/predictions',
    'PUT /ensembles/predictions',
  ])('should wait their turn whatever the spelling or the route: %s', async (target) => {
    config.maxDelayMs = 200;
    const answers = await statuses([250, 250], Array<string>(CALLERS).fill(target));
    expect(answers.at(-1)).toBe('503');
    // A refusal is counted under its route, of which there are few, never under its URL.
    const counted = await metrics.text();
    expect(counted).toMatch(/route="\/(ensembles\/)?predictions",status="503"/);
    expect(counted).not.toContain('a=');
  });

  it('should all be let through when the process begins to close', async () => {
    const answers = statuses([60]);
    while (load.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
    queue.beforeApplicationShutdown();
    expect(handled).toHaveLength(CALLERS);
    expect(await answers).toEqual(all('200'));
  });

  it('should not be answered where whoever asked has gone', async () => {
    const [gone, ...others] = sockets.splice(-1);
    expect(others).toEqual([]);
    gone!.write('POST /predictions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n');
    gone!.destroy();
    expect(await statuses([60], Array<string>(CALLERS - 1).fill('POST /predictions'))).not.toContain('503');
  });
});
