import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { invalid, jsonPointer } from '../errors/problem.js';
import { decoded } from './content-encoding.js';
import { duplicateKey } from './duplicate-key.js';
import { noNumberIn, textOf } from './json-body.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route reads a body from callers without a token. */
    openBody?: boolean;
    /** A name may be given twice in the body, and the last one holds: looking for that costs more than reading the rest. */
    lastNameHolds?: boolean;
  }
}

/** A body of a refused request is read and dropped up to this size; past it the connection is closed. */
export const DRAINED_BYTES = 64 * 1024;

interface BodyReading {
  /** Verifies the caller, or throws. */
  authenticate: (request: FastifyRequest, reply: FastifyReply) => unknown;
  /** Longest that a JSON body may take to arrive. */
  bodyTimeoutMs: number;
}

/**
 * Makes Fastify read a body only for a caller whose token is valid, and only for a while, so that a stranger or a slow
 * caller can make this process hold a head and no more. The guard of the route says later whether the role is enough.
 */
export function readBodiesOfKnownCallers(
  fastify: FastifyInstance,
  { authenticate, bodyTimeoutMs }: BodyReading,
): void {
  const limitTime = timeLimit(bodyTimeoutMs);
  fastify.addHook('preParsing', (request, reply, _payload, done) => {
    const { openBody, surface, streamBody, readsForms } = request.matched.config;
    if (!hasBody(request.raw)) return done();
    const read = () => {
      if (streamBody) return done();
      if (!readsForms) limitTime(request.raw, reply.raw);
      if (request.headers['content-encoding'] === undefined) return done();
      try {
        done(null, decoded(request.raw, reply.raw));
      } catch (error) {
        refuse(error as Error);
      }
    };
    const refuse = (error: Error) => {
      if (!(Number(request.headers['content-length']) <= DRAINED_BYTES)) reply.header('connection', 'close');
      done(error);
    };
    const known = openBody || surface?.signIn === 'none' ? undefined : authenticate(request, reply);
    if (known instanceof Promise) known.then(read, refuse);
    else read();
  });

  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeContentTypeParser('application/json');
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const text = textOf(body as Buffer);
    void parse(request, text, (error, value) => {
      if (error) return done(noNumberIn(text) ?? error);
      if (request.matched.config.lastNameHolds) return done(null, value);
      try {
        const path = duplicateKey(text);
        if (path) throw invalid(jsonPointer(...path), 'is given twice');
      } catch (refusal) {
        return done(refusal as Error);
      }
      done(null, value);
    });
  });
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

/**
 * Gives each body so long to arrive. Fastify waits for a body for as long as bytes come; an `error` event of its stream
 * makes Fastify answer. Nobody waits for a body that is refused unread, such as one of an unknown type, or that comes
 * with a GET: there the event would have no listener, and end the process.
 */
function timeLimit(milliseconds: number): (payload: IncomingMessage, answer: ServerResponse) => void {
  let arrived: [IncomingMessage, ServerResponse][] = [];
  // Timers are started at the end of the turn of the event loop. Most bodies come with their head and have been read by
  // then, and need no timer; nor does one that has been refused meanwhile.
  const startTimers = () => {
    const all = arrived;
    arrived = [];
    for (const [payload, answer] of all) {
      const isOver = payload.complete || payload.destroyed || answer.writableEnded || answer.destroyed;
      if (!isOver) startTimer(payload, answer, milliseconds);
    }
  };
  return (payload, answer) => {
    if (arrived.push([payload, answer]) === 1) setImmediate(startTimers);
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
