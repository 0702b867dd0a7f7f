import { rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';

/** Bytes that the path of a socket may have: 107 on Linux, 103 on macOS. */
const MAX_SOCKET_PATH = 103;

/**
 * Held for as long as its process lives: a socket that listens. The kernel closes it with the process, however that
 * ends, and unlike the number of a process it means the same in two containers that share a volume.
 */
export class ProcessLock {
  private constructor(
    private readonly server: Server,
    private readonly path: string,
  ) {}

  static async take(path: string): Promise<ProcessLock> {
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH)
      throw new Error(
        `${path} has more than the ${MAX_SOCKET_PATH} bytes that the path of a socket may have`,
      );
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      // In a cluster, the primary process would otherwise hold the socket for its workers, and outlive them.
      server.listen({ path, exclusive: true }, resolve);
    });
    server.unref();
    return new ProcessLock(server, path);
  }

  async release(): Promise<void> {
    await new Promise((resolve) => this.server.close(resolve));
    await rm(this.path, { force: true });
  }
}

/** Whether some process holds the lock. What cannot be told counts as held. */
export function isHeld(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    );
  });
}
