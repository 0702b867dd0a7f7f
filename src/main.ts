import './config/telemetry.js';
import cluster from 'node:cluster';
import { ApiProcesses } from './api-processes.js';
import { AppModule } from './app.module.js';
import { ConfigError, HttpConfig, loadConfig, RuntimeConfig } from './config/index.js';
import { serveDocuments } from './platform/http/open-api.js';
import { createServer } from './platform/http/server.js';
import { AppLogger } from './platform/observability/logger.js';

/** Connections that may wait to be taken while the main thread is busy; the kernel's own bound, where that is less. */
const BACKLOG = 65_535;

async function main(): Promise<void> {
  // What tenants keep in the folder of objects, and what is logged of their predictions, is for this user alone.
  process.umask(0o077);
  const config = loadConfig();
  const runtime = config.get(RuntimeConfig);
  const { processes } = config.get(HttpConfig);
  if (runtime.role === 'api' && processes > 1 && cluster.isPrimary)
    return new ApiProcesses(processes, new AppLogger(runtime)).start();
  const app = await createServer(AppModule.with(config), config);
  app.enableShutdownHooks();
  const logger = app.get(AppLogger);

  if (runtime.runsApi) {
    const { host, port } = config.get(HttpConfig);
    serveDocuments(app);
    await app.listen({ host, port, backlog: BACKLOG });
    logger.info('api ready', { url: await app.getUrl() });
  } else {
    await app.init();
  }
  if (runtime.runsWorker) logger.info('worker ready');
}

main().catch((error: unknown) => {
  // One line for a fault of the environment; anything else is a defect and shows its stack.
  process.stderr.write(
    `modelplane: ${error instanceof ConfigError ? error.message : ((error as Error).stack ?? error)}\n`,
  );
  process.exit(1);
});
