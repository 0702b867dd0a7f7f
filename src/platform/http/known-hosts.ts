import { isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { HttpConfig } from '../../config/index.js';
import { Problem } from '../errors/problem.js';

/**
 * Refuses requests that come under another name than this machine's own or one that is configured, as those of a page
 * whose name was made to lead here (DNS rebinding): to a browser the page and the service are then of one origin. An
 * address leads nowhere else and cannot be rebound.
 * @param config says under which other names callers reach the API
 */
export function refuseUnknownHosts(fastify: FastifyInstance, { host, publicUrl }: HttpConfig): void {
  const configured = new Set([host, ...(publicUrl ? [new URL(publicUrl).hostname] : [])]);
  /** The header that was let through last: nearly all requests of a service have the same. */
  let known: string | undefined;
  fastify.addHook('onRequest', (request, _reply, done) => {
    const { host: header } = request.headers;
    if (header !== undefined && header === known) return done();
    const name = request.hostname.toLowerCase();
    if (isOwn(name) || configured.has(name)) {
      known = header;
      return done();
    }
    const why =
      'This service is for development and answers only at localhost, at an address, or at the host of';
    done(new Problem('FORBIDDEN', `${why} MODELPLANE_PUBLIC_URL; the header Host has another name.`));
  });
}

/** A request of HTTP/1.0 may come without a name; no browser sends one. */
function isOwn(name: string): boolean {
  const bare = name.replace(/^\[(.*)\]$/, '$1');
  return bare === '' || isIP(bare) !== 0 || bare === 'localhost' || bare.endsWith('.localhost');
}
