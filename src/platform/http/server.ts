import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Config, HttpConfig, RuntimeConfig } from '../../config/index.js';
import { AccessGuard } from '../auth/access.guard.js';
import { ProblemFilter } from '../errors/problem.filter.js';
import { AppLogger } from '../observability/logger.js';
import { Metrics } from '../observability/metrics.js';
import { Tracing } from '../observability/tracing.js';
import { RateLimitGuard } from '../rate-limit/rate-limit.guard.js';
import { UsageCounter } from '../usage/usage-counter.js';
import { readBodiesOfKnownCallers } from './body-reading.js';
import { BodyValidationPipe } from './body-validation.pipe.js';
import { newRequestId } from './identifiers.js';
import { refuseUnknownHosts } from './known-hosts.js';
import { LargeBodies } from './large-bodies.js';
import { refuseOtherMethods } from './other-methods.js';
import { addRequestHooks } from './request-hooks.js';
import { Surfaces } from './surfaces.js';
import { answerUnreadable } from './unreadable-requests.js';

/** Answer headers that a page of another origin may read beside the few that it always may. */
const EXPOSED_HEADERS = [
  'Content-Range',
  'ETag',
  'Idempotency-Replayed',
  'RateLimit',
  'RateLimit-Policy',
  'Repr-Digest',
  'Request-Id',
  'Retry-After',
  'X-Content-SHA256',
  'X-Request-Id',
];

/** The application with everything that holds for every route; it does not listen yet. */
export async function createServer(root: Type | object, config: Config): Promise<NestFastifyApplication> {
  const { maxBodyBytes, maxPlainBodyBytes, corsOrigins, receiveSeconds } = config.get(HttpConfig);
  const adapter = new FastifyAdapter({
    genReqId: newRequestId,
    bodyLimit: maxPlainBodyBytes,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 2048 },
    forceCloseConnections: 'idle',
    http: {
      headersTimeout: receiveSeconds * 1000,
      connectionsCheckingInterval: 1000,
      // Node would take the first of two Authorization headers without a word; joined they are no credential.
      joinDuplicateHeaders: true,
    },
    clientErrorHandler: answerUnreadable,
    // A path that cannot be decoded reaches no route, hook or filter.
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      filter.send(error, request, reply.header('request-id', request.id)),
  });
  const app = await NestFactory.create<NestFastifyApplication>(root as Type, adapter, {
    bufferLogs: true,
    abortOnError: false,
    // Nest's own parsers would take forms too; Fastify's takes JSON.
    bodyParser: false,
  });
  const logger = app.get(AppLogger);
  app.useLogger(logger);
  const filter = app.get(ProblemFilter);
  app.useGlobalFilters(filter);
  app.useGlobalPipes(new BodyValidationPipe());
  app.get(Surfaces).placeRoutes(adapter.getInstance());
  refuseOtherMethods(adapter.getInstance());
  addRequestHooks(adapter.getInstance(), {
    logger,
    metrics: app.get(Metrics),
    tracing: app.get(Tracing),
    usage: app.get(UsageCounter),
  });
  if (!config.get(RuntimeConfig).isProduction)
    refuseUnknownHosts(adapter.getInstance(), config.get(HttpConfig));
  const guard = app.get(AccessGuard, { strict: false });
  const limit = app.get(RateLimitGuard, { strict: false });
  const largeBodies = app.get(LargeBodies, { strict: false });
  readBodiesOfKnownCallers(adapter.getInstance(), {
    authenticate: (request, reply) => guard.authenticate(request, reply),
    charge: (request, bytes) => limit.charge(request, bytes),
    takeTurn: ({ identity }) => largeBodies.takeTurn(identity?.tenant ?? ''),
    waitToParse: ({ identity }, work) => largeBodies.run(identity!.tenant, work),
    reserve: ({ identity }, bytes) => largeBodies.reserve(identity?.tenant ?? '', bytes),
    bodyTimeoutMs: receiveSeconds * 1000,
    maxBytesOfRows: maxBodyBytes,
  });
  if (corsOrigins.length > 0) {
    // Tokens travel in a header, never in a cookie: no credentials.
    app.enableCors({
      origin: corsOrigins,
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      exposedHeaders: EXPOSED_HEADERS,
      maxAge: 600,
    });
  }
  return app;
}
