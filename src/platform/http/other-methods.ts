import type { FastifyInstance } from 'fastify';
import { Problem } from '../errors/problem.js';
import { routedPath } from './routed-path.js';

/** Paths that a route answers, and the methods that it takes. */
interface KnownPath {
  readonly pattern: RegExp;
  readonly methods: Set<string>;
}

/** Makes Fastify answer 405 (RFC 9110, section 15.5.6), where else it would say that a path with routes does not exist. */
export function refuseOtherMethods(fastify: FastifyInstance): void {
  const known = new Map<string, KnownPath>();
  fastify.addHook('onRoute', ({ url, method }) => {
    // Preflights of all paths are answered by one route.
    if (url === '*') return;
    const path = known.get(url) ?? { pattern: patternOf(url), methods: new Set() };
    known.set(url, path);
    for (const each of [method].flat()) path.methods.add(each);
  });
  fastify.addHook('preHandler', (request, _reply, done) => {
    if (!request.is404) return done();
    const path = routedPath(request.url);
    const methods = [...known.values()].flatMap((each) => (each.pattern.test(path) ? [...each.methods] : []));
    // A route of the method may say by itself that there is no such thing, as that of the page's files does.
    if (methods.length === 0 || methods.includes(request.method)) return done();
    const allowed = [...new Set(methods)].sort().join(', ');
    done(
      new Problem('METHOD_NOT_ALLOWED', `The path takes no ${request.method}; it takes ${allowed}.`, {
        headers: { Allow: allowed },
      }),
    );
  });
}

/** Of the router's own language, routes here use names of whole segments and a `*` at the end. */
function patternOf(url: string): RegExp {
  const escaped = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/:\w+/g, '[^/]+').replace(/\*$/, '.*')}$`);
}
