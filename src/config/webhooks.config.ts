import { isIP } from 'node:net';
import { boolean, Env, integer, list, secret, text } from './environment.js';

/** What tells the applications of tenants of events over HTTP. */
export class WebhooksConfig {
  @Env(
    'MODELPLANE_WEBHOOKS_KEY',
    secret,
    'Encrypts the signing secrets of webhooks, at least 32 bytes; development generates one. Another key cannot read them.',
  )
  key = '';

  @Env('MODELPLANE_WEBHOOKS_PER_TENANT', integer(0, 1000), 'Webhooks that a tenant may have.')
  perTenant = 20;

  @Env(
    'MODELPLANE_WEBHOOKS_ALLOWED_NETWORKS',
    networks,
    'Networks that are not public and where receivers may be all the same, for example 10.20.0.0/16,fd00:20::/32.',
  )
  allowedNetworks: readonly string[] = [];

  @Env(
    'MODELPLANE_WEBHOOKS_PORTS',
    ports,
    'Ports that receivers may have, for example 443,8443; any: all of them.',
  )
  ports: readonly number[] | 'any' = [443, 8443];

  @Env(
    'MODELPLANE_WEBHOOKS_ALLOW_HTTP',
    boolean,
    'Whether receivers may do without TLS; production refuses it, `npm start` sets it.',
  )
  allowHttp = false;

  @Env(
    'MODELPLANE_WEBHOOKS_DNS_SERVERS',
    list,
    'DNS servers that are asked for receivers, for example 10.0.0.53,10.0.1.53:5353; empty: those of the machine.',
  )
  dnsServers: readonly string[] = [];

  @Env(
    'MODELPLANE_WEBHOOKS_CA_FILE',
    text,
    'PEM file of authorities that may certify receivers beside the well-known ones; empty: none.',
  )
  caFile = '';

  @Env(
    'MODELPLANE_WEBHOOKS_CONNECT_SECONDS',
    integer(1, 60),
    'How long finding a receiver and connecting to it may take, TLS included.',
  )
  connectSeconds = 5;

  @Env('MODELPLANE_WEBHOOKS_TIMEOUT_SECONDS', integer(1, 120), 'How long a delivery may take in all.')
  timeoutSeconds = 15;

  @Env('MODELPLANE_WEBHOOKS_CONCURRENCY', integer(1, 1000), 'Deliveries under way at once, of all tenants.')
  concurrency = 64;

  @Env(
    'MODELPLANE_WEBHOOKS_CONCURRENCY_PER_TENANT',
    integer(1, 1000),
    'Deliveries of one tenant under way at once; of one webhook there is one.',
  )
  concurrencyPerTenant = 8;

  @Env(
    'MODELPLANE_WEBHOOKS_MAX_PENDING',
    integer(1, 1_000_000),
    'Deliveries of one webhook that may wait; past it, events wait in the outbox.',
  )
  maxPending = 10_000;

  @Env(
    'MODELPLANE_WEBHOOKS_RETRY_SECONDS',
    integer(1, 3600),
    'Wait before the second attempt; doubled before each further one.',
  )
  retrySeconds = 5;

  @Env('MODELPLANE_WEBHOOKS_MAX_RETRY_SECONDS', integer(1, 86_400), 'Longest wait between two attempts.')
  maxRetrySeconds = 4 * 3600;

  @Env(
    'MODELPLANE_WEBHOOKS_RETRY_HOURS',
    integer(0, 720),
    'How long after its first attempt a delivery is tried for the last time; 0: once.',
  )
  retryHours = 24;

  @Env(
    'MODELPLANE_WEBHOOKS_ORDERED_ATTEMPTS',
    integer(1, 20),
    'Attempts of a delivery for which later ones of its webhook wait; after them they pass it.',
  )
  orderedAttempts = 3;

  @Env(
    'MODELPLANE_WEBHOOKS_DISABLE_AFTER_DAYS',
    integer(1, 365),
    'A webhook is disabled when all its deliveries have failed for so long.',
  )
  disableAfterDays = 5;

  @Env(
    'MODELPLANE_WEBHOOKS_KEPT_DAYS',
    integer(1, 3650),
    'How long deliveries are kept once they are delivered or dead; until then they can be sent again.',
  )
  keptDays = 14;

  @Env(
    'MODELPLANE_WEBHOOKS_SECRET_OVERLAP_HOURS',
    integer(0, 720),
    'How long deliveries are also signed with the secret of before, once it was rotated.',
  )
  secretOverlapHours = 24;
}

/** CIDR notation of either family. */
function networks(value: string): string[] {
  const found = list(value);
  for (const network of found) {
    const [address = '', bits = ''] = network.split('/');
    const family = isIP(address);
    if (family === 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128))
      throw new Error(`must be networks such as 10.20.0.0/16, got "${network}"`);
  }
  return found;
}

function ports(value: string): readonly number[] | 'any' {
  return value === 'any' ? value : list(value).map(integer(1, 65_535));
}
