import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startDataServices } from './data-services.mjs';

/** PostgreSQL (with Redis and an S3 server) on a folder that is gone afterwards; fast rather than durable. */
export async function startTemporaryServices({ say, withRedis = true, withS3 = false }) {
  const stateDir = mkdtempSync(path.join(tmpdir(), 'modelplane-test-'));
  chmodSync(stateDir, 0o711); // where we are root, PostgreSQL runs as another user and must get through
  const remove = () => rmSync(stateDir, { recursive: true, force: true });
  try {
    const services = await startDataServices({ stateDir, durable: false, say, withRedis, withS3 });
    const stop = async () => {
      await services.stop();
      remove();
    };
    return { ...services, stateDir, stop };
  } catch (error) {
    remove();
    throw error;
  }
}
