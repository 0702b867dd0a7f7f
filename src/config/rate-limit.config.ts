import { Env, integer } from './environment.js';

/** What a tenant may ask of the API, in tokens: a prediction costs its rows, any other request one, and a large body its bytes beside. */
export class RateLimitConfig {
  @Env(
    'MODELPLANE_RATE_LIMIT_PER_MINUTE',
    integer(0, 1_000_000_000),
    'Tokens that a tenant gets back each minute; 0: no limit.',
  )
  perMinute = 1_200_000;

  @Env(
    'MODELPLANE_RATE_LIMIT_BURST',
    integer(1, 1_000_000_000),
    'Tokens that a tenant that was silent may spend at once.',
  )
  burst = 200_000;

  @Env(
    'MODELPLANE_RATE_LIMIT_BODY_BYTES',
    integer(1, 2 ** 30),
    'For each so many bytes of its JSON body a request costs one token more, which is taken before the body is parsed.',
  )
  bodyBytes = 1024;

  @Env(
    'MODELPLANE_RATE_LIMIT_PROCESSES',
    integer(0, 10_000),
    'API processes of this installation: without Redis each applies its share of the limit; 0: MODELPLANE_API_PROCESSES.',
  )
  processes = 0;
}
