import { VERSION } from '../../config/project.js';

/** `kind` of the protocol: what a request is to who answers it, and a job to who runs it. */
export const SPAN_KIND = { server: 2, consumer: 5 } as const;

export interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: keyof typeof SPAN_KIND;
  startMs: number;
  endMs: number;
  attributes: Readonly<Record<string, string | number | undefined>>;
  failed: boolean;
}

export interface OtlpTarget {
  endpoint: string;
  headers: Readonly<Record<string, string>>;
  serviceName: string;
}

const FLUSH_MS = 2000;
const BATCH = 512;
const MOST_WAITING = 4096;
const TIMEOUT_MS = 5000;

/**
 * Sends spans to a collector: OTLP 1.x over HTTP as JSON (opentelemetry.io/docs/specs/otlp). Spans wait in memory,
 * at most 4,096 of them: a collector that is away costs spans, never requests.
 */
export class OtlpExporter {
  private waiting: Span[] = [];
  private timer?: NodeJS.Timeout;
  private sending: Promise<void> = Promise.resolve();

  constructor(
    private readonly target: OtlpTarget,
    private readonly onFailure: (reason: string, spans: number) => void,
  ) {}

  add(span: Span): void {
    if (this.waiting.length >= MOST_WAITING) return;
    this.waiting.push(span);
    this.timer ??= setTimeout(() => void this.flush(), FLUSH_MS).unref();
  }

  /** Sends all that waits. */
  flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const spans = this.waiting;
    this.waiting = [];
    for (let start = 0; start < spans.length; start += BATCH) {
      const batch = spans.slice(start, start + BATCH);
      this.sending = this.sending
        .then(() => this.send(batch))
        .catch((error: Error) => this.onFailure(error.message, batch.length));
    }
    return this.sending;
  }

  private async send(spans: Span[]): Promise<void> {
    const { endpoint, headers, serviceName } = this.target;
    const response = await fetch(`${endpoint.replace(/\/$/, '')}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(exportRequest(serviceName, spans)),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`the collector answered ${response.status}`);
  }
}

function exportRequest(serviceName: string, spans: Span[]): object {
  const resource = { attributes: attributesOf({ 'service.name': serviceName, 'service.version': VERSION }) };
  const scope = { name: 'modelplane', version: VERSION };
  return { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: spans.map(spanOf) }] }] };
}

function spanOf({ kind, startMs, endMs, attributes, failed, ...span }: Span): object {
  return {
    ...span,
    kind: SPAN_KIND[kind],
    startTimeUnixNano: nanoseconds(startMs),
    endTimeUnixNano: nanoseconds(endMs),
    attributes: attributesOf(attributes),
    status: failed ? { code: 2 } : {},
  };
}

function attributesOf(attributes: Span['attributes']): object[] {
  return Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ({
      key,
      value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value },
    }));
}

/** Milliseconds since 1970, with a fraction, as the integer text of the protocol. */
function nanoseconds(milliseconds: number): string {
  return String(BigInt(Math.round(milliseconds * 1000)) * 1000n);
}
