import { Readable } from 'node:stream';
import { applyDecorators } from '@nestjs/common';
import { ApiHeader, ApiOkResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';

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
        'Server-sent events: started, log, warning, progress, and last succeeded, failed or cancelled, after which ' +
        'the stream ends. It also ends with the token; a client then comes back with `Last-Event-ID`.',
      content: { 'text/event-stream': { schema: { type: 'string' } } },
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
