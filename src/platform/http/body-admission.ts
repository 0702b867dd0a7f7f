import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Identity } from '../auth/identity.js';
import { invalid, jsonPointer } from '../errors/problem.js';
import { duplicateKey } from './duplicate-key.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route reads a body from callers without a token. */
    openBody?: boolean;
    /** Names given twice are not looked for: it would cost more than the rest of reading the body. The last one holds. */
    lastNameHolds?: boolean;
    /** Throws where it can be told from the text alone that the body would be refused: parsing it costs more. */
    refuseUnparsed?: (caller: Identity, json: string) => void;
  }
}

/** What is left of a refused body is read and dropped up to this size; past it the connection is closed. */
export const DRAINED_BYTES = 64 * 1024;

interface Admission {
  /** Verifies the caller, or throws. */
  authenticate: (request: FastifyRequest, reply: FastifyReply) => unknown;
  /** Longest that a JSON body may take to arrive. */
  bodyTimeoutMs: number;
}

/**
 * Reads a body only for a caller whose token is valid, and only for a while: what a stranger or a slow caller can
 * make us hold is a head. Whether the caller's role is enough is still for the guard alone to say.
 */
export function admitBodies(fastify: FastifyInstance, { authenticate, bodyTimeoutMs }: Admission): void {
  const limitTime = timeLimit(bodyTimeoutMs);
  fastify.addHook('preParsing', (request, reply, _payload, done) => {
    const { openBody, surface, streamBody, readsForms } = request.matched.config;
    if (!hasBody(request.raw)) return done();
    const admit = () => {
      if (!streamBody && !readsForms) limitTime(request.raw, reply.raw);
      done();
    };
    const refuse = (error: Error) => {
      if (!(Number(request.headers['content-length']) <= DRAINED_BYTES)) reply.header('connection', 'close');
      done(error);
    };
    const known = openBody || surface?.signIn === 'none' ? undefined : authenticate(request, reply);
    if (known instanceof Promise) known.then(admit, refuse);
    else admit();
  });

  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeContentTypeParser('application/json');
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    const { lastNameHolds, refuseUnparsed } = request.matched.config;
    try {
      if (request.identity) refuseUnparsed?.(request.identity, text as string);
    } catch (error) {
      return done(error as Error);
    }
    void parse(request, text as string, (error, value) => {
      if (error) return done(error);
      if (lastNameHolds) return done(null, value);
      const path = duplicateKey(text as string);
      if (path) return done(invalid(jsonPointer(...path), 'is given twice'));
      done(null, value);
    });
  });
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

/**
 * Fastify waits for a body for as long as bytes come; the error makes it answer. A body that is refused unread, such
 * as one of an unknown type, or that comes with a GET, is waited for by nobody: there an error would have no listener
 * and end the process.
 */
function timeLimit(milliseconds: number): (payload: IncomingMessage, answer: ServerResponse) => void {
  let came: [IncomingMessage, ServerResponse][] = [];
  // Most bodies come with the head, and have been read by then: they need no timer and nobody who stops it. Nor does
  // one that has been refused meanwhile, for which nobody would listen to the error.
  const startTimers = () => {
    const all = came;
    came = [];
    for (const [payload, answer] of all) {
      const isOver = payload.complete || payload.destroyed || answer.writableEnded || answer.destroyed;
      if (!isOver) startTimer(payload, answer, milliseconds);
    }
  };
  return (payload, answer) => {
    if (came.push([payload, answer]) === 1) setImmediate(startTimers);
  };
}

function startTimer(payload: IncomingMessage, answer: ServerResponse, milliseconds: number): void {
  const timer = setTimeout(() => {
    if (payload.listenerCount('error') === 0) return;
    payload.emit('error', invalid('', `the body did not arrive within ${milliseconds / 1000} s`));
  }, milliseconds);
  const stop = () => clearTimeout(timer);
  payload.once('end', stop).once('close', stop);
  answer.once('finish', stop).once('close', stop);
}
