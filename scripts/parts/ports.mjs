import { readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { writeAtomically } from './paths.mjs';

const listen = (port, host) =>
  new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(null));
    server.listen({ port, host, exclusive: true }, () => {
      const { port: bound } = server.address();
      server.close(() => resolve(bound));
    });
  });

export const isFree = async (port, host = '127.0.0.1') => (await listen(port, host)) !== null;

/** A port for a service of this state directory: the one it had last time, so that addresses stay, or a free one. */
export async function rememberedPort(stateDir, service) {
  const file = path.join(stateDir, 'ports.json');
  const last = readPorts(file)[service];
  const port = (last && (await listen(last, '127.0.0.1'))) || (await listen(0, '127.0.0.1'));
  // Read again: another service may have chosen its port while this one was being tried.
  if (port !== last) writeAtomically(file, `${JSON.stringify({ ...readPorts(file), [service]: port })}\n`);
  return port;
}

export const lastPort = (stateDir, service) => readPorts(path.join(stateDir, 'ports.json'))[service];

function readPorts(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return {};
  }
}
