import { UnsupportedMediaTypeException } from '@nestjs/common';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AppLogger } from '../observability/logger.js';
import type { Metrics } from '../observability/metrics.js';
import { type RequestContext, runInContext } from '../observability/request-context.js';
import { parseTraceParent, type TraceContext } from '../observability/trace-context.js';
import type { Tracing } from '../observability/tracing.js';
import type { UsageCounter } from '../usage/usage-counter.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route takes the body as a stream, whatever its content type. */
    streamBody?: boolean;
    /** The route reads forms, part by part. */
    readsForms?: boolean;
  }
  interface FastifyRequest {
    /** What its log lines carry; null where it was answered before the hooks, as a preflight is. */
    context: RequestContext | null;
    /** `routeOptions`, which Fastify makes anew each time that it is read. */
    matched: FastifyRequest['routeOptions'];
  }
}

export interface Observers {
  logger: AppLogger;
  metrics: Metrics;
  tracing: Tracing;
  usage: UsageCounter;
}

const DRAIN_MS = 5000;
const STREAM_TYPE = 'application/octet-stream';
const FORM_TYPE = 'multipart/form-data';
/** Printable ASCII: what a log line and a header can hold without escaping. */
const CLIENT_REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

/** What answers are allowed to do in a browser: nothing, but for the page of documentation. */
const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-site',
};
const NO_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'";
/** Swagger's page has its scripts beside it, and styles and images within. */
const DOCS_CONTENT_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
  "object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

/** What happens to every request before and after its route, whatever the route. */
export function addRequestHooks(fastify: FastifyInstance, observers: Observers): void {
  takeStreams(fastify);
  fastify.decorateRequest('context', null);
  fastify.decorateRequest('matched', null as unknown as FastifyRequest['routeOptions']);

  fastify.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) if (each !== 'HEAD') observers.metrics.expectRoute(each, url);
  });

  // One hook for all of it: each takes its turn in every request.
  fastify.addHook('onRequest', (request, reply, done) => {
    const { headers } = request;
    request.matched = request.routeOptions;
    prepareBody(request);
    keepTrailingSlash(request);
    const given = headers['x-request-id'];
    const clientRequestId = typeof given === 'string' && CLIENT_REQUEST_ID.test(given) ? given : undefined;
    const trace = observers.tracing.enter(parentOf(request));
    request.context = { requestId: request.id, clientRequestId, trace };
    const policy = request.matched.config.isPage ? DOCS_CONTENT_POLICY : NO_CONTENT_POLICY;
    reply
      .headers(SECURITY_HEADERS)
      .header('content-security-policy', policy)
      .header('request-id', request.id);
    if (clientRequestId) reply.header('x-request-id', clientRequestId);
    done();
  });

  // After the body was read: its stream's callbacks would leave the context again.
  fastify.addHook('preValidation', (request, _reply, done) => runInContext(request.context ?? {}, done));

  // A client that takes its time must not hold the process: what is not answered by then is cut.
  fastify.addHook('preClose', (done) => {
    setTimeout(() => fastify.server.closeAllConnections(), DRAIN_MS).unref();
    done();
  });

  fastify.addHook('onResponse', (request, reply, done) => {
    observe(observers, request, reply.statusCode, reply.elapsedTime);
    done();
  });
}

function takeStreams(fastify: FastifyInstance): void {
  fastify.removeContentTypeParser('text/plain');
  fastify.addContentTypeParser(STREAM_TYPE, (request, payload, done) => {
    if (request.matched.config.streamBody) done(null, payload);
    else done(new UnsupportedMediaTypeException('The body must be application/json.'));
  });
  fastify.addContentTypeParser(FORM_TYPE, (request, payload, done) => {
    if (request.matched.config.readsForms) done(null, payload);
    else done(new UnsupportedMediaTypeException('The body must be application/json.'));
  });
}

function prepareBody({ headers, matched }: FastifyRequest): void {
  if (matched.config.streamBody) {
    headers['content-type'] = STREAM_TYPE;
    return;
  }
  // curl and many clients name a content type for every request, also for one without a body.
  const { 'content-type': type, 'content-length': length, 'transfer-encoding': chunks } = headers;
  if (type !== undefined && !Number(length ?? 0) && !chunks) delete headers['content-type'];
}

/** The router drops a slash at the end of any path; in a wildcard it belongs to what the caller names. */
function keepTrailingSlash({ params, url }: FastifyRequest): void {
  const named = params as { '*'?: string };
  if (named['*'] && url.split('?', 1)[0]?.endsWith('/')) named['*'] += '/';
}

function parentOf({ headers }: FastifyRequest): TraceContext | undefined {
  return headers.traceparent === undefined ? undefined : parseTraceParent(headers.traceparent);
}

function observe(
  { logger, metrics, tracing, usage }: Observers,
  request: FastifyRequest,
  status: number,
  elapsedMs: number,
): void {
  const { id, method, context } = request;
  const route = context ? request.matched.url : request.routeOptions.url;
  metrics.request(method, route, status, elapsedMs / 1000);
  if (request.identity) usage.addRequest(request.identity.tenant);
  logger.request({
    requestId: id,
    clientRequestId: context?.clientRequestId,
    traceId: context?.trace?.traceId,
    tenant: request.identity?.tenant,
    method,
    route,
    status,
    durationMs: elapsedMs,
  });
  if (!context?.trace) return;
  tracing.end(context.trace, parentOf(request), () => ({
    name: `${method} ${route ?? 'unmatched'}`,
    kind: 'server',
    startMs: performance.timeOrigin + performance.now() - elapsedMs,
    failed: status >= 500,
    attributes: {
      'http.request.method': method,
      'http.route': route,
      'http.response.status_code': status,
      'modelplane.request_id': request.id,
    },
  }));
}
