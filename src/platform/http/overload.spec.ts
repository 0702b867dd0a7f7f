import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { HttpConfig } from '../../config/index.js';
import { Metrics } from '../observability/metrics.js';
import { Overload } from './overload.js';

const CALLERS = 10;

describe('predictions that lay in their sockets', () => {
  let server: Server;
  let sockets: Socket[];
  let blockMs = 0;

  beforeAll(async () => {
    server = createServer((_, response) => {
      for (const end = performance.now() + blockMs; performance.now() < end;) continue;
      blockMs = 0;
      response.end('answered');
    });
    const overload = new Overload(Object.assign(new HttpConfig(), { maxDelayMs: 50 }), new Metrics());
    overload.shed(server, 'POST', '/predictions');
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    sockets = Array.from({ length: CALLERS }, () => connect(port, '127.0.0.1').setEncoding('utf8'));
    await statuses('/predictions');
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  /** Asks on all connections at once, so that all of it lies there in one turn of the event loop. */
  async function statuses(path: string, firstBlocksMs = 0): Promise<string[]> {
    blockMs = firstBlocksMs;
    const answers = sockets.map(
      (socket) => new Promise<string>((resolve) => socket.once('data', (text) => resolve(String(text)))),
    );
    for (const socket of sockets)
      socket.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`);
    return (await Promise.all(answers)).map((answer) => answer.slice(9, 12)).sort();
  }

  const all = (status: string) => Array<string>(CALLERS).fill(status);

  it('should be answered after one pause, refused while turn after turn is late, and answered again', async () => {
    expect(await statuses('/predictions', 120)).toEqual(all('200'));
    const late = await statuses('/predictions', 120);
    expect(new Set(late)).toEqual(new Set(['200', '503']));
    await statuses('/predictions');
    expect(await statuses('/predictions')).toEqual(all('200'));
  });

  it('should leave other routes alone', async () => {
    await statuses('/predictions', 120);
    expect(await statuses('/healthcheck', 120)).toEqual(all('200'));
  });
});
