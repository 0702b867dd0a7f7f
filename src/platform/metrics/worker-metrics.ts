import { once } from 'node:events';
import { createServer } from 'node:http';
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { HttpConfig, RuntimeConfig, TelemetryConfig } from '../../config/index.js';
import { AppLogger } from '../observability/logger.js';
import { Metrics } from '../observability/metrics.js';

/** Answers GET /metrics of a process that is a worker alone, and so has none of the API's routes. */
@Injectable()
export class WorkerMetrics implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') return void response.writeHead(404).end();
    void this.metrics.text().then(
      (text) => response.setHeader('content-type', this.metrics.contentType).end(text),
      (error: unknown) => {
        this.logger.failure('metrics could not be read', error);
        response.writeHead(500).end();
      },
    );
  });

  constructor(
    private readonly runtime: RuntimeConfig,
    private readonly http: HttpConfig,
    private readonly telemetry: TelemetryConfig,
    private readonly metrics: Metrics,
    private readonly logger: AppLogger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const port = this.telemetry.workerMetricsPort;
    if (this.runtime.runsApi || port === 0) return;
    this.server.listen(port, this.http.host);
    await once(this.server, 'listening');
  }

  onModuleDestroy(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}
