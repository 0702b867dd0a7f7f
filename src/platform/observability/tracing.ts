import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { TelemetryConfig } from '../../config/index.js';
import { AppLogger } from './logger.js';
import { OtlpExporter, type Span } from './otlp-exporter.js';
import { newSpanId, newTraceId, type TraceContext } from './trace-context.js';

type Ended = Pick<Span, 'name' | 'kind' | 'startMs' | 'attributes' | 'failed'>;

/** Carries the caller's trace on; where a collector is configured, adds a span for each request and job. */
@Injectable()
export class Tracing implements OnApplicationShutdown {
  private readonly exporter?: OtlpExporter;

  constructor(config: TelemetryConfig, logger: AppLogger) {
    if (!config.otlpEndpoint) return;
    const target = {
      endpoint: config.otlpEndpoint,
      headers: config.otlpHeaders,
      serviceName: config.serviceName,
    };
    this.exporter = new OtlpExporter(target, (reason, spans) => logger.warn('spans lost', { reason, spans }));
  }

  /** The context of work that `parent` asked for: the same where nobody hears of its spans. */
  enter(parent: TraceContext | undefined): TraceContext | undefined {
    if (!this.exporter) return parent;
    return {
      traceId: parent?.traceId ?? newTraceId(),
      parentId: newSpanId(),
      sampled: parent?.sampled ?? true,
    };
  }

  /** @param entered what `enter(parent)` returned when the work began */
  end(entered: TraceContext | undefined, parent: TraceContext | undefined, span: () => Ended): void {
    if (!this.exporter || !entered?.sampled) return;
    this.exporter.add({
      traceId: entered.traceId,
      spanId: entered.parentId,
      parentSpanId: parent?.parentId,
      endMs: performance.timeOrigin + performance.now(),
      ...span(),
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.exporter?.flush();
  }
}
