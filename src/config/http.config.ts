import { boolean, Env, integer, list, text, url } from './environment.js';

/** The HTTP server. Sizes are bytes. */
export class HttpConfig {
  @Env('MODELPLANE_HOST', text, 'Address the API listens on.')
  host = '127.0.0.1';

  @Env('MODELPLANE_PORT', integer(0, 65535), 'Port the API listens on; 0 picks a free one.')
  port = 8000;

  @Env(
    'MODELPLANE_API_PROCESSES',
    integer(1, 1024),
    'Processes that share the port, for as many cores; each loads models, and opens connections, of its own.',
  )
  processes = 1;

  @Env(
    'MODELPLANE_PUBLIC_URL',
    url,
    'URL under which callers reach the API; empty: the address and port at which each request came.',
  )
  publicUrl = '';

  @Env(
    'MODELPLANE_MAX_BODY_BYTES',
    integer(1024, 2 ** 30),
    'Largest JSON body of rows to be predicted; it is read a piece at a time.',
  )
  maxBodyBytes = 8 * 2 ** 20;

  @Env(
    'MODELPLANE_MAX_PLAIN_BODY_BYTES',
    integer(1024, 2 ** 20),
    'Largest JSON body of any other request; it is read in one go.',
  )
  maxPlainBodyBytes = 256 * 1024;

  @Env(
    'MODELPLANE_RECEIVE_SECONDS',
    integer(1, 3600),
    'Longest that the head of a request, and then its JSON body, may take to arrive; uploads may take longer.',
  )
  receiveSeconds = 30;

  @Env(
    'MODELPLANE_MAX_DELAY_MS',
    integer(1, 600_000),
    'A prediction that this process could not begin to read for so long is answered with 503 OVERLOADED.',
  )
  maxDelayMs = 500;

  @Env(
    'MODELPLANE_MAX_OBJECT_BYTES',
    integer(1024, 2 ** 43),
    'Largest object accepted by PUT /api/v1/objects.',
  )
  maxObjectBytes = 5 * 2 ** 30;

  @Env(
    'MODELPLANE_CORS_ORIGINS',
    origins,
    'Origins whose pages may call the API, for example https://app.example.com; empty: none.',
  )
  corsOrigins: string[] = [];

  @Env(
    'MODELPLANE_REQUIRE_IF_MATCH',
    boolean,
    'Whether changes of a model must name in If-Match the state that they change (428 without).',
  )
  requireIfMatch = false;

  @Env(
    'MODELPLANE_IDEMPOTENCY_HOURS',
    integer(1, 24 * 30),
    'How long the answer to an Idempotency-Key is kept.',
  )
  idempotencyHours = 24;

  @Env(
    'MODELPLANE_EVENT_STREAMS_PER_TENANT',
    integer(1, 10_000),
    'Streams of job events that a tenant may have open at one process.',
  )
  eventStreamsPerTenant = 50;
}

function origins(value: string): string[] {
  return list(value).map((origin) => {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw new Error(`"${origin}" must look like https://app.example.com, with no path and no *`);
    }
    return origin;
  });
}
