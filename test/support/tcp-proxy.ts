import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Stands between the service and a server, to be cut: what a network or a server that went away looks like. */
export class TcpProxy {
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;
  private port = 0;
  private hangs = false;
  private delayMs = 0;

  private constructor(private readonly target: URL) {
    this.server = createServer((client) => {
      const upstream = connect(Number(target.port), target.hostname);
      for (const socket of [client, upstream]) {
        this.sockets.add(socket);
        socket.on('error', () => undefined).on('close', () => this.sockets.delete(socket));
      }
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        from.on('data', (chunk) => setTimeout(() => to.write(chunk), this.delayMs));
        // What was passed on just before is not lost.
        from.on('close', () => setTimeout(() => to.destroySoon(), this.delayMs));
        if (this.hangs) from.pause();
      }
    });
  }

  /** @param target URL of the server */
  static async to(target: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(new URL(target));
    await proxy.restore(0);
    return proxy;
  }

  /** `url` of the server, or of something on it, by way of this proxy. */
  through(url = this.target.href): string {
    const proxied = new URL(url);
    proxied.host = `127.0.0.1:${this.port}`;
    return proxied.href;
  }

  /** Ends every connection and takes no further one. */
  async cut(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  /** Takes connections and passes nothing on, as a server that is stopped or a network that swallows packets. */
  hang(): void {
    this.hangs = true;
    for (const socket of this.sockets) socket.pause();
  }

  /** Passes on what is left, and everything that comes. */
  resume(): void {
    this.hangs = false;
    for (const socket of this.sockets) socket.resume();
  }

  /** Everything takes this much longer on its way, in either direction. */
  slowDown(delayMs: number): void {
    this.delayMs = delayMs;
  }

  /** Takes connections again. */
  async restore(port = this.port): Promise<void> {
    this.server.listen(port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }
}
