// A migrated PostgreSQL of its own, for a spec that stops it: {appUrl, systemUrl, dataDir} on stdout, until stdin ends.
import path from 'node:path';
import { migrateDatabase } from '../../scripts/parts/built.mjs';
import { startTemporaryServices } from '../../scripts/parts/temporary-services.mjs';

const services = await startTemporaryServices({ say: () => undefined, withRedis: false });
process.stdin.resume().once('end', () => void services.stop());
await migrateDatabase(services.urls.migrationUrl);
const { appUrl, systemUrl } = services.urls;
const dataDir = path.join(services.stateDir, 'postgres', 'data');
process.stdout.write(`${JSON.stringify({ appUrl, systemUrl, dataDir })}\n`);
