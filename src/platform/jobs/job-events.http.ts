import { Readable } from 'node:stream';
import { applyDecorators } from '@nestjs/common';
import { ApiHeader, ApiOkResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';

/** One event, by the fields that the HTML standard gives it; all of them are texts. */
const EVENT = {
  type: 'object' as const,
  required: ['id', 'event', 'data'],
  properties: {
    id: { type: 'string' as const, description: '`attempt:seq`, to go on after.', example: '1:42' },
    event: { type: 'string' as const, description: 'Its type.', example: 'progress' },
    data: {
      type: 'string' as const,
      description: 'A JSON object of what it tells, with its type, attempt, seq and time.',
      example: '{"percent":40,"type":"progress","attempt":1,"seq":42,"time":"2026-02-12T10:00:00.125Z"}',
    },
  },
};

/** Documents a route that streams the events of a job. */
export const ApiJobEvents = (): MethodDecorator =>
  applyDecorators(
    ApiHeader({
      name: 'Last-Event-ID',
      required: false,
      description: 'Id of the last event that the client saw, `attempt:seq`; the stream goes on after it.',
      schema: { type: 'string', pattern: '^\\d{1,9}:\\d{1,9}$', example: '1:42' },
    }),
    ApiOkResponse({
      description:
        'Server-sent events: started, log, warning, progress, of a study trial, and last succeeded, failed or cancelled, after which ' +
        'the stream ends. It also ends with the token; a client then comes back with `Last-Event-ID`.',
      content: { 'text/event-stream': { schema: EVENT } },
    }),
  );

export function sendEvents(reply: FastifyReply, events: Readable): void {
  // Fastify would read the whole stream to answer HEAD without it.
  const isHead = reply.request.method === 'HEAD';
  if (isHead) events.destroy();
  void reply
    .headers({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      // Kept alive, the connection of a stream that ends while the server closes would keep it from closing.
      connection: 'close',
      // nginx would hold events back until its buffer is full.
      'x-accel-buffering': 'no',
    })
    .send(isHead ? Readable.from([]) : events);
}
