import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { WebhooksConfig } from '../src/config/index.js';
import { ReceiverAddresses } from '../src/modules/webhooks/receivers/receiver-addresses.js';
import { ReceiverCheck } from '../src/modules/webhooks/receivers/receiver-check.js';
import { type Answer, Receivers } from '../src/modules/webhooks/receivers/receivers.js';
import { Refusals } from '../src/platform/load/refusals.js';
import { Metrics } from '../src/platform/observability/metrics.js';
import { type Certificate, certificateFor, NameServer, Receiver } from './support/receiver.js';

const HOST = 'hooks.receiver.test';
const SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const MESSAGE = { id: 'event', body: '{"type":"webhook.test"}' };

/** What is said of a try, but how long it took. */
const told = ({ status, failure }: Answer) => ({ status, failure });

describe('receivers', () => {
  let certificate: Certificate;
  let receiver: Receiver;
  let names: NameServer;

  beforeAll(async () => {
    certificate = await certificateFor(HOST);
  });
  beforeEach(async () => {
    receiver = await Receiver.start(certificate);
    names = await NameServer.start();
    names.names.set(HOST, [['127.0.0.1']]);
  });
  afterEach(async () => {
    names.stop();
    await receiver.stop();
  });

  const config = (settings: Partial<WebhooksConfig> = {}) =>
    Object.assign(new WebhooksConfig(), {
      allowedNetworks: ['127.0.0.1/32'],
      dnsServers: [names.address],
      ports: 'any',
      caFile: certificate.file,
      ...settings,
    });
  const post = async (url = receiver.url(HOST), settings: Partial<WebhooksConfig> = {}) => {
    const all = config(settings);
    const receivers = new Receivers(all, new ReceiverAddresses(all), new Metrics());
    return receivers.post(url, [SECRET], MESSAGE);
  };
  const check = async (url: string, settings: Partial<WebhooksConfig> = {}) => {
    const all = config(settings);
    await new ReceiverCheck(all, new ReceiverAddresses(all), new Refusals(new Metrics())).check('acme', url);
  };

  /** A server that does with a connection what it is told to, over plain HTTP. */
  async function served(work: (socket: Socket) => void): Promise<{ url: string; stop(): void }> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => undefined));
      socket.once('data', () => work(socket));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const stop = () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    };
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, stop };
  }

  it('should be called over TLS at the address that was looked at, by their name', async () => {
    expect(told(await post())).toEqual({ status: 204, failure: null });
    expect(receiver.received[0]).toMatchObject({
      path: '/hook?of=me',
      body: MESSAGE.body,
      headers: { host: `${HOST}:${receiver.port}` },
    });
    expect(names.asked.sort()).toEqual([`${HOST} 4`, `${HOST} 6`]);
  });

  it('should be taken at their word only by a certificate of their name that is trusted', async () => {
    names.names.set('other.receiver.test', [['127.0.0.1']]);
    const refused = { status: null, failure: 'tls_failed' };
    expect(told(await post(receiver.url('other.receiver.test')))).toEqual(refused);
    expect(told(await post(receiver.url()))).toEqual(refused);
    expect(told(await post(receiver.url(HOST), { caFile: '' }))).toEqual(refused);
    const plain = await Receiver.start();
    expect(told(await post(`https://${HOST}:${plain.port}/`))).toEqual(refused);
    await plain.stop();
    expect(receiver.received).toEqual([]);
  });

  it.each([
    ['a private address', ['10.0.0.1']],
    ['one of several that is private', ['127.0.0.1', '192.168.1.1']],
    ['an address of cloud metadata', ['169.254.169.254']],
    ['IPv6 loopback beside an address that is allowed', ['127.0.0.1', '::1']],
    ['loopback within IPv6', ['::ffff:7f00:1']],
    ['loopback behind NAT64', ['64:ff9b::7f00:1']],
    ['no address', []],
  ])('should be refused, alike, where the name has %s', async (_, addresses) => {
    names.names.set(HOST, [addresses]);
    expect(told(await post())).toEqual({ status: null, failure: 'address_refused' });
    await expect(check(receiver.url(HOST))).rejects.toMatchObject({
      extra: { errors: [{ pointer: '/url', message: expect.stringContaining('all of whose addresses') }] },
    });
    expect(receiver.received).toEqual([]);
  });

  it('should be looked at again at each delivery, whose name leads elsewhere by then', async () => {
    names.names.set(HOST, [['127.0.0.1'], ['127.0.0.1'], ['127.0.0.2']]);
    await check(receiver.url(HOST));
    expect(told(await post())).toEqual({ status: 204, failure: null });
    expect(told(await post())).toEqual({ status: null, failure: 'address_refused' });
    expect(receiver.received).toHaveLength(1);
  });

  it('should be looked at for a few requests of a tenant at once, whose name servers may be slow', async () => {
    names.names.delete(HOST);
    const all = config({ connectSeconds: 1 });
    const checks = new ReceiverCheck(all, new ReceiverAddresses(all), new Refusals(new Metrics()));
    const check = (tenant: string) => checks.check(tenant, receiver.url(HOST)).catch(({ code }) => code);
    const codes = Promise.all(['a', 'a', 'a', 'b'].map(check));
    expect(await codes).toEqual(['VALIDATION_ERROR', 'VALIDATION_ERROR', 'OVERLOADED', 'VALIDATION_ERROR']);
  });

  it('should be called where they were looked at, though the name leads elsewhere a moment later', async () => {
    names.names.set(HOST, [['127.0.0.1'], ['10.0.0.1']]);
    expect(told(await post())).toEqual({ status: 204, failure: null });
    expect(names.asked).toHaveLength(2);
  });

  it('should be refused where settings allow them no more', async () => {
    expect(told(await post(receiver.url(HOST), { ports: [443] })).failure).toBe('address_refused');
    expect(told(await post(receiver.url(HOST), { allowedNetworks: [] })).failure).toBe('address_refused');
    expect(told(await post('http://127.0.0.1:80/')).failure).toBe('address_refused');
  });

  it('should not be called through a proxy of the environment', async () => {
    const proxied = ['HTTPS_PROXY', 'https_proxy', 'NODE_USE_ENV_PROXY'];
    for (const name of proxied)
      process.env[name] = name === 'NODE_USE_ENV_PROXY' ? '1' : 'http://127.0.0.1:9/';
    try {
      expect(told(await post())).toEqual({ status: 204, failure: null });
    } finally {
      for (const name of proxied) delete process.env[name];
    }
  });

  it.each([301, 302, 303, 307, 308])('should not be followed elsewhere: %i', async (status) => {
    receiver.answer = (response) => response.writeHead(status, { location: receiver.url(HOST) }).end();
    expect(told(await post())).toEqual({ status, failure: null });
    expect(receiver.received).toHaveLength(1);
  });

  it('should have their answer told by its head, however long it is', async () => {
    let closed: Promise<unknown> | undefined;
    receiver.answer = (response) => {
      closed = once(response, 'close');
      response.writeHead(200);
      const write = () =>
        !response.destroyed && response.write(Buffer.alloc(65_536), () => setImmediate(write));
      write();
    };
    expect(told(await post())).toEqual({ status: 200, failure: null });
    await closed;
  });

  it('should have their answer told by its head, though it never ends', async () => {
    receiver.answer = (response) => response.writeHead(202).write('a');
    expect(told(await post(undefined, { timeoutSeconds: 1 }))).toEqual({ status: 202, failure: null });
  });

  it('should be given up where they do not answer in time, in whichever part', async () => {
    const short = { timeoutSeconds: 1, connectSeconds: 1, allowHttp: true };
    const late = { status: null, failure: 'timeout' };
    receiver.answer = () => undefined;
    expect(told(await post(undefined, short))).toEqual(late);
    // Takes the connection and says nothing, so that TLS never begins.
    const silent = await served(() => undefined);
    expect(told(await post(silent.url.replace('http:', 'https:'), { ...short, timeoutSeconds: 60 }))).toEqual(
      late,
    );
    // One byte of the head at a time.
    const slow = await served((socket) => {
      const drip = setInterval(() => socket.write('H'), 20);
      socket.on('close', () => clearInterval(drip));
    });
    expect(told(await post(slow.url, short)).failure).toMatch(/timeout|unreadable_answer/);
    const headers = await served((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const drip = setInterval(() => socket.write('a'), 20);
      socket.on('close', () => clearInterval(drip));
    });
    expect(told(await post(headers.url, short))).toEqual(late);
    names.names.delete(HOST);
    expect(told(await post(undefined, short))).toEqual(late);
    for (const server of [silent, slow, headers]) server.stop();
  });

  it.each<[string, (socket: Socket) => void, string]>([
    ['resets', (socket) => socket.resetAndDestroy(), 'connection_failed'],
    ['hangs up', (socket) => socket.end(), 'connection_failed'],
    ['says something else', (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'), 'unreadable_answer'],
    ['has endless headers', (socket) => flood(socket, 'HTTP/1.1 200 OK\r\nx: '), 'unreadable_answer'],
    [
      'changes the protocol',
      (socket) => socket.end('HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
      'unreadable_answer',
    ],
  ])('should have failed where a receiver %s', async (_, work, failure) => {
    const server = await served(work);
    expect(told(await post(server.url, { allowHttp: true }))).toEqual({ status: null, failure });
    server.stop();
  });

  it('should have failed where nobody listens', async () => {
    const url = receiver.url(HOST);
    await receiver.stop();
    expect(told(await post(url))).toEqual({ status: null, failure: 'connection_failed' });
    receiver = await Receiver.start();
  });

  it.each<[string, number | undefined]>([
    ['30', 30],
    ['0', undefined],
    ['-5', undefined],
    ['soon', undefined],
    ['1e9', undefined],
    ['9'.repeat(30), undefined],
    ['Thu, 01 Jan 1970 00:00:00 GMT', undefined],
  ])('should ask for time with Retry-After: %s', async (text, seconds) => {
    receiver.answer = (response) => response.writeHead(503, { 'retry-after': text }).end();
    expect(await post()).toMatchObject({ status: 503, retryAfterSeconds: seconds });
  });

  it('should ask for time until a date', async () => {
    const at = new Date(Date.now() + 3_600_000).toUTCString();
    receiver.answer = (response) => response.writeHead(503, { 'retry-after': at }).end();
    const { retryAfterSeconds } = await post();
    expect(retryAfterSeconds! / 60).toBeCloseTo(60, 0);
  });

  it('should be called no further once the caller has lost its lease', async () => {
    const all = config();
    const receivers = new Receivers(all, new ReceiverAddresses(all), new Metrics());
    const lease = new AbortController();
    const lost = new Error('the lease is lost');
    receiver.answer = () => lease.abort(lost);
    const url = receiver.url(HOST);
    await expect(receivers.post(url, [SECRET], MESSAGE, lease.signal)).rejects.toBe(lost);
  });
});

function flood(socket: Socket, head: string): void {
  socket.write(head);
  const write = () => !socket.destroyed && socket.write('x'.repeat(16_384), () => setImmediate(write));
  write();
}
