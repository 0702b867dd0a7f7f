import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { HttpConfig } from '../../config/index.js';
import { Metrics } from '../observability/metrics.js';
import { API } from './api.surface.js';
import { Overload } from './overload.js';
import { Surfaces } from './surfaces.js';

const CALLERS = 10;

describe('predictions for which the main thread has no time', () => {
  let server: Server;
  let sockets: Socket[];
  let handled: string[];
  /** Whether each that was handled was alone. */
  let alone: boolean[];
  /** What the next request to be handled takes, and the one after it. */
  let blockMs: number[];

  beforeAll(async () => {
    server = createServer((request, response) => {
      for (const end = performance.now() + (blockMs.shift() ?? 0); performance.now() < end;) continue;
      handled.push(request.url!);
      alone.push(overload.isAlone());
      response.end('answered');
    });
    const config = Object.assign(new HttpConfig(), { maxDelayMs: 200 });
    const overload = new Overload(config, new Metrics(), new Surfaces([API]));
    overload.shed(server, 'POST', '/predictions');
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    sockets = Array.from({ length: CALLERS }, () => connect(port, '127.0.0.1').setEncoding('utf8'));
    await statuses([]);
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  /** Asks on all connections at once, so that all of it lies there in one turn of the event loop. */
  async function statuses(
    blocks: number[],
    paths = Array<string>(CALLERS).fill('/predictions'),
  ): Promise<string[]> {
    blockMs = blocks;
    [handled, alone] = [[], []];
    const answers = sockets.map(
      (socket) => new Promise<string>((resolve) => socket.once('data', (text) => resolve(String(text)))),
    );
    for (const [at, path] of paths.entries())
      sockets[at]!.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`);
    return (await Promise.all(answers)).map((answer) => answer.slice(9, 12));
  }

  const all = (status: string) => Array<string>(CALLERS).fill(status);

  it('should be answered after one long pause', async () => {
    expect(await statuses([600])).toEqual(all('200'));
  });

  it('should be refused where they waited for too long, first come first served, and answered again', async () => {
    const answers = await statuses([100, 100, 100, 100, 100]);
    expect(answers.slice(0, 2)).toEqual(['200', '200']);
    expect(answers.at(-1)).toBe('503');
    expect(answers.filter((status) => status === '200')).toHaveLength(handled.length);
    expect(await statuses([])).toEqual(all('200'));
  });

  it('should be told from one that has nobody beside it', async () => {
    await statuses([]);
    expect(alone.slice(0, 3)).toEqual([true, false, false]);
    await statuses([60]);
    expect(alone.slice(1, -1)).not.toContain(true);
  });

  it('should let other routes pass', async () => {
    const paths = [...Array<string>(CALLERS - 1).fill('/predictions'), '/healthcheck'];
    expect(await statuses([60], paths)).toEqual(all('200'));
    expect(handled.indexOf('/healthcheck')).toBeLessThan(CALLERS - 1);
  });

  it('should not be answered where whoever asked has gone', async () => {
    const [gone, ...others] = sockets.splice(-1);
    expect(others).toEqual([]);
    gone!.write('POST /predictions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n');
    gone!.destroy();
    expect(await statuses([60], Array<string>(CALLERS - 1).fill('/predictions'))).not.toContain('503');
  });
});
