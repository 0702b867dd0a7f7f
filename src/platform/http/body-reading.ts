import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { invalid, jsonPointer, Problem } from '../errors/problem.js';
import { refuseDeep } from './body-shape.js';
import { decoded } from './content-encoding.js';
import { lengthOf } from './content-length.js';
import { duplicateKey } from './duplicate-key.js';
import { noNumberIn, textOf } from './json-body.js';
import { CHARACTERS_AT_ONCE, parseInTurns } from './json-in-turns.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route reads a body from callers without a token. */
    openBody?: boolean;
    /**
     * The body holds rows of features. It may be as large as MODELPLANE_MAX_BODY_BYTES, and a name may be given twice in
     * it, of which the last one holds: looking for that costs more than reading the rest.
     */
    holdsRows?: boolean;
  }
  interface FastifyRequest {
    /** SHA-256 of a JSON body, in hexadecimal digits; only of a request with an Idempotency-Key. */
    bodyDigest?: string;
  }
}

/** A body of a refused request is read and dropped up to this size; past it the connection is closed. */
export const DRAINED_BYTES = 64 * 1024;

/** A plain body up to this size is read and checked within a millisecond or two, and waits for no turn. */
const READ_AT_ONCE_BYTES = 2048;

interface BodyReading {
  /** Verifies the caller, or throws. */
  authenticate: (request: FastifyRequest, reply: FastifyReply) => unknown;
  /** Takes from the caller's rate limit what a body of so many bytes costs before it is parsed, or throws. */
  charge: (request: FastifyRequest, bytes: number) => void | Promise<void>;
  /** Waits until the caller's tenant may have a plain body read in this turn of the event loop, or throws. */
  takeTurn: (request: FastifyRequest) => Promise<void>;
  /** Reads a body of rows when it is the turn of the caller's tenant, or throws. */
  waitToParse: <T>(request: FastifyRequest, work: () => Promise<T>) => Promise<T>;
  /**
   * Reserves memory for a body of the caller's tenant that arrives bit by bit, or throws. What it returns gives the
   * memory back.
   */
  reserve: (request: FastifyRequest, bytes: number) => () => void;
  /** Longest that a JSON body may take to arrive. */
  bodyTimeoutMs: number;
  /** Largest JSON body of rows, in bytes. Of all others it is the server's own limit. */
  maxBytesOfRows: number;
}

/**
 * Makes Fastify read a body only for a caller whose token is valid, and only for a while, so that a stranger or a slow
 * caller can make this process hold a head and no more. The guard of the route says later whether the role is enough.
 */
export function readBodiesOfKnownCallers(fastify: FastifyInstance, reading: BodyReading): void {
  const { authenticate, bodyTimeoutMs, maxBytesOfRows } = reading;
  const limitArrival = arrivalLimit(bodyTimeoutMs, reading.reserve);
  fastify.decorateRequest('bodyDigest', undefined);
  fastify.decorateRequest('bodyTokens', undefined);
  fastify.addHook('onRoute', (options) => {
    if (options.config?.holdsRows) options.bodyLimit = maxBytesOfRows;
  });
  fastify.addHook('preParsing', (request, reply, _payload, done) => {
    const { openBody, surface, streamBody, readsForms } = request.matched.config;
    if (!hasBody(request.raw)) return done();
    const read = () => {
      if (streamBody) return done();
      try {
        if (!readsForms) {
          refuseTooLarge(request);
          limitArrival(request, reply.raw);
        }
        if (request.headers['content-encoding'] === undefined) return done();
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

  const parse = parserOf(fastify);
  fastify.removeContentTypeParser('application/json');
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, bytes, done) => {
    const body = bytes as Buffer;
    try {
      const charged = reading.charge(request, body.length);
      const { holdsRows } = request.matched.config;
      const isLarge = body.length > (holdsRows ? CHARACTERS_AT_ONCE : READ_AT_ONCE_BYTES);
      if (!charged && !isLarge) return done(null, readNow(request, body, parse));
      const read = async () => {
        if (isLarge && holdsRows)
          return reading.waitToParse(request, () => readInTurns(request, body, parse));
        if (isLarge) await reading.takeTurn(request);
        return readNow(request, body, parse);
      };
      Promise.resolve(charged)
        .then(read)
        .then((value) => done(null, value), done);
    } catch (error) {
      done(error as Error);
    }
  });
}

type Parse = (json: string) => unknown;

/** Fastify's own parser, which also refuses names that could change what all objects inherit; it throws 400. */
function parserOf(fastify: FastifyInstance): Parse {
  const parse = fastify.getDefaultJsonParser('error', 'error');
  return (text) => {
    let found: unknown;
    let failure: Error | null = null;
    void parse(undefined as never, text, (error, value) => {
      failure = error;
      found = value;
    });
    // Only the beginning is looked at: where a large body is read in turns, so is each of its pieces.
    if (failure) throw noNumberIn(text.slice(0, 2 * CHARACTERS_AT_ONCE)) ?? (failure as Error);
    return found;
  };
}

function readNow(request: FastifyRequest, body: Buffer, parse: Parse): unknown {
  const text = textOf(body);
  keepDigest(request, body);
  if (request.matched.config.holdsRows) {
    const rows = parse(text);
    refuseDeep(rows);
    return rows;
  }
  const twice = duplicateKey(text);
  const value = parse(text);
  if (twice) throw invalid(jsonPointer(...twice), 'is given twice');
  return value;
}

async function readInTurns(request: FastifyRequest, body: Buffer, parse: Parse): Promise<object> {
  const value = await parseInTurns(textOf(body), parse);
  keepDigest(request, body);
  return value;
}

function keepDigest(request: FastifyRequest, body: Buffer): void {
  if (request.headers['idempotency-key'] === undefined) return;
  request.bodyDigest = createHash('sha256').update(body).digest('hex');
}

/** @throws Problem 413 for a body that says that it is larger than the route takes; one that does not say so is cut off there */
function refuseTooLarge({ headers, matched: { bodyLimit } }: FastifyRequest): void {
  const length = Number(headers['content-length']);
  if (!(length > bodyLimit)) return;
  throw new Problem(
    'PAYLOAD_TOO_LARGE',
    `The body has ${length} bytes; this route takes a body of ${bodyLimit} bytes at most.`,
  );
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

/**
 * Gives each body so long to arrive, and its tenant so much memory for those that have not. Fastify waits for a body for
 * as long as bytes come; an `error` event of its stream makes Fastify answer. Nobody waits for a body that is refused
 * unread, such as one of an unknown type, or that comes with a GET: there the event would have no listener, and end the
 * process.
 */
function arrivalLimit(
  milliseconds: number,
  reserve: BodyReading['reserve'],
): (request: FastifyRequest, answer: ServerResponse) => void {
  let arrived: [FastifyRequest, ServerResponse][] = [];
  // Bodies are looked at when the turn of the event loop ends. Most come with their head and have been read by then, and
  // need neither timer nor reserve; nor does one that has been refused meanwhile.
  const watchAll = () => {
    const all = arrived;
    arrived = [];
    for (const [request, answer] of all) {
      const { raw } = request;
      const isOver = raw.complete || raw.destroyed || answer.writableEnded || answer.destroyed;
      if (!isOver && raw.listenerCount('error') > 0) watch(request, answer, milliseconds, reserve);
    }
  };
  return (request, answer) => {
    if (arrived.push([request, answer]) === 1) setImmediate(watchAll);
  };
}

function watch(
  request: FastifyRequest,
  answer: ServerResponse,
  milliseconds: number,
  reserve: BodyReading['reserve'],
): void {
  const { raw } = request;
  let giveBack: () => void;
  try {
    giveBack = reserve(request, lengthOf(request) ?? request.matched.bodyLimit);
  } catch (problem) {
    raw.emit('error', problem);
    return;
  }
  const timer = setTimeout(() => {
    if (raw.listenerCount('error') === 0) return;
    raw.emit('error', invalid('', `the body did not arrive within ${milliseconds / 1000} s`));
  }, milliseconds);
  let isWatched = true;
  const stop = () => {
    if (!isWatched) return;
    isWatched = false;
    clearTimeout(timer);
    giveBack();
  };
  raw.once('end', stop).once('close', stop);
  answer.once('finish', stop).once('close', stop);
}
