import { NotificationListener } from '../src/platform/database/notification-listener.js';
import type { AppLogger } from '../src/platform/observability/logger.js';
import { required } from './support/service.js';
import { TcpProxy } from './support/tcp-proxy.js';

describe('a listener for notifications', () => {
  it('should close while the server hangs', async () => {
    const database = await TcpProxy.to(required('MODELPLANE_TEST_ADMIN_URL'));
    const silent = { warn: () => undefined } as unknown as AppLogger;
    const listener = new NotificationListener(database.through(), 'catalog_revision', silent);
    await new Promise<void>((resolve) => listener.listen(() => resolve()));
    database.hang();
    await listener.close();
    await database.cut();
  });
});
