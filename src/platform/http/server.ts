import { type Type, UnsupportedMediaTypeException } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Config, HttpConfig } from '../../config/index.js';
import { ProblemFilter } from '../errors/problem.filter.js';
import { AppLogger } from '../observability/logger.js';
import { runInContext } from '../observability/request-context.js';
import { AccessGuard } from '../auth/access.guard.js';
import { admitBodies } from './body-admission.js';
import { BodyValidationPipe } from './body-validation.pipe.js';
import { newRequestId } from './identifiers.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route takes the body as a stream, whatever its content type. */
    streamBody?: boolean;
    /** The route reads forms, part by part. */
    readsForms?: boolean;
  }
}

const DRAIN_MS = 5000;
const STREAM_TYPE = 'application/octet-stream';
const FORM_TYPE = 'multipart/form-data';

/** The application with everything that holds for every route; it does not listen yet. */
export async function createServer(root: Type | object, config: Config): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    genReqId: newRequestId,
    bodyLimit: config.get(HttpConfig).maxBodyBytes,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 2048 },
    forceCloseConnections: 'idle',
    http: { headersTimeout: config.get(HttpConfig).receiveSeconds * 1000, connectionsCheckingInterval: 1000 },
  });
  const app = await NestFactory.create<NestFastifyApplication>(root as Type, adapter, {
    bufferLogs: true,
    abortOnError: false,
    // Nest's own parsers would take forms too; Fastify's takes JSON.
    bodyParser: false,
  });
  const logger = app.get(AppLogger);
  app.useLogger(logger);
  app.useGlobalFilters(new ProblemFilter(logger));
  app.useGlobalPipes(new BodyValidationPipe());
  addHooks(adapter.getInstance(), logger);
  const guard = app.get(AccessGuard, { strict: false });
  admitBodies(adapter.getInstance(), {
    authenticate: (request, reply) => guard.authenticate(request, reply),
    bodyTimeoutMs: config.get(HttpConfig).receiveSeconds * 1000,
  });
  return app;
}

function addHooks(fastify: FastifyInstance, logger: AppLogger): void {
  fastify.removeContentTypeParser('text/plain');
  fastify.addContentTypeParser(STREAM_TYPE, (request, payload, done) => {
    if (request.routeOptions.config.streamBody) done(null, payload);
    else done(new UnsupportedMediaTypeException('The body must be application/json.'));
  });
  fastify.addContentTypeParser(FORM_TYPE, (request, payload, done) => {
    if (request.routeOptions.config.readsForms) done(null, payload);
    else done(new UnsupportedMediaTypeException('The body must be application/json.'));
  });
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (request.routeOptions.config.streamBody) request.headers['content-type'] = STREAM_TYPE;
    keepTrailingSlash(request);
    done();
  });

  // curl and many clients name a content type for every request, also for one without a body.
  fastify.addHook('onRequest', (request, _reply, done) => {
    const { 'content-length': length, 'transfer-encoding': chunks } = request.headers;
    if (request.method === 'DELETE' && !Number(length ?? 0) && !chunks)
      delete request.headers['content-type'];
    done();
  });

  // After the body was read: its stream's callbacks would leave the context again.
  fastify.addHook('preValidation', (request, _reply, done) => runInContext({ requestId: request.id }, done));

  // A client that takes its time must not hold the process: what is not answered by then is cut.
  fastify.addHook('preClose', (done) => {
    setTimeout(() => fastify.server.closeAllConnections(), DRAIN_MS).unref();
    done();
  });

  fastify.addHook('onResponse', (request, reply, done) => {
    logger.info('request', {
      request_id: request.id,
      tenant: request.identity?.tenant,
      method: request.method,
      route: request.routeOptions.url,
      status: reply.statusCode,
      duration_ms: Math.round(reply.elapsedTime * 1000) / 1000,
    });
    done();
  });
}

/** The router drops a slash at the end of any path; in a wildcard it belongs to what the caller names. */
function keepTrailingSlash({ params, url }: FastifyRequest): void {
  const named = params as { '*'?: string };
  if (named['*'] && url.split('?', 1)[0]?.endsWith('/')) named['*'] += '/';
}
