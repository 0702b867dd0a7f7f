import { type ObjectStore, S3ObjectStore } from '#libs/object-store';
import { type Config, RuntimeConfig, S3Config, StorageConfig } from '../../config/index.js';
import { openObjectStore } from '../storage/open-object-store.js';

/** The object store that a server with these settings would use. */
export async function openStore(config: Config): Promise<{ store: ObjectStore; close: () => void }> {
  const store = await openObjectStore(
    config.get(RuntimeConfig),
    config.get(StorageConfig),
    config.get(S3Config),
  );
  return { store, close: () => store instanceof S3ObjectStore && store.close() };
}
