import { Env, integer, text, url } from './environment.js';

/** The HTTP server. Sizes are bytes. */
export class HttpConfig {
  @Env('MODELPLANE_HOST', text, 'Address the API listens on.')
  host = '127.0.0.1';

  @Env('MODELPLANE_PORT', integer(0, 65535), 'Port the API listens on; 0 picks a free one.')
  port = 8000;

  @Env('MODELPLANE_PUBLIC_URL', url, 'URL under which callers reach the API; empty: as each request says.')
  publicUrl = '';

  @Env('MODELPLANE_MAX_BODY_BYTES', integer(1024, 2 ** 30), 'Largest JSON body accepted.')
  maxBodyBytes = 8 * 2 ** 20;

  @Env(
    'MODELPLANE_RECEIVE_SECONDS',
    integer(1, 3600),
    'Longest that the head of a request, and then its JSON body, may take to arrive; uploads may take longer.',
  )
  receiveSeconds = 30;

  @Env(
    'MODELPLANE_MAX_OBJECT_BYTES',
    integer(1024, 2 ** 43),
    'Largest object accepted by PUT /api/v1/objects.',
  )
  maxObjectBytes = 5 * 2 ** 30;
}
