import { boolean, Env, integer, text, url } from './environment.js';

/** What the service says about itself to those who run it. */
export class TelemetryConfig {
  @Env('MODELPLANE_METRICS', boolean, 'Whether GET /metrics answers, to anybody who can reach the port.')
  metrics = true;

  @Env(
    'MODELPLANE_WORKER_METRICS_PORT',
    integer(0, 65_535),
    'Port on which a process of the role worker answers GET /metrics; 0: none.',
  )
  workerMetricsPort = 0;

  @Env(
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    url,
    'OpenTelemetry collector (OTLP over HTTP), for example http://127.0.0.1:4318; empty: no trace is exported.',
  )
  otlpEndpoint = '';

  @Env('OTEL_EXPORTER_OTLP_HEADERS', headers, 'Headers for the collector, for example api-key=secret.')
  otlpHeaders: Readonly<Record<string, string>> = {};

  @Env('OTEL_SERVICE_NAME', text, 'Name of the service in traces.')
  serviceName = 'modelplane';
}

/** `name=value,name=value` with values percent-encoded, as OpenTelemetry has it. */
function headers(value: string): Record<string, string> {
  const pairs = value.split(',').map((pair) => /^\s*([\w-]+)\s*=(.*)$/.exec(pair));
  if (pairs.some((pair) => pair === null)) throw new Error('must look like name=value,name=value');
  return Object.fromEntries(pairs.map((pair) => [pair?.[1], decodeURIComponent(pair?.[2]?.trim() ?? '')]));
}
