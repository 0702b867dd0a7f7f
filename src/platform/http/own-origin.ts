import type { Socket } from 'node:net';

/** The address and port that a caller has connected to, as an origin: unlike the header Host it cannot be made up. */
export function ownOrigin({ localAddress = '', localPort }: Socket): string {
  const address = localAddress.replace(/^::ffff:/, '');
  return `http://${address.includes(':') ? `[${address}]` : address}:${localPort}`;
}
