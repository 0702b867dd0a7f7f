import { FolderObjectStore, type ObjectStore, parseFolderUri, S3ObjectStore } from '#libs/object-store';
import type { RuntimeConfig, S3Config, StorageConfig } from '../../config/index.js';
import { PLATFORM_BUCKET, TENANTS_BUCKET } from './grants.js';

/** The store that the configuration names, with every bucket that the platform and the grants need. */
export async function openObjectStore(
  runtime: RuntimeConfig,
  storage: StorageConfig,
  s3: S3Config,
): Promise<ObjectStore> {
  if (storage.kind === 'folder') return new FolderObjectStore(runtime.objectsDir);
  const store = new S3ObjectStore({
    endpoint: s3.endpoint,
    publicEndpoint: s3.publicEndpoint,
    region: s3.region,
    ...(s3.accessKeyId && { credentials: credentialsOf(s3) }),
    forcePathStyle: s3.forcePathStyle,
    bucketPrefix: s3.bucketPrefix,
    timeoutMs: s3.timeoutSeconds * 1000,
  });
  const granted = [...storage.grants.values()].flat().map((prefix) => parseFolderUri(prefix).bucket);
  try {
    for (const bucket of new Set([PLATFORM_BUCKET, TENANTS_BUCKET, ...granted])) {
      // In production somebody decides on a bucket's region, encryption and lifecycle: a new one would have none.
      await store.ensureBucket(bucket, !runtime.isProduction);
    }
    return store;
  } catch (error) {
    store.close();
    throw error;
  }
}

function credentialsOf({ accessKeyId, secretAccessKey, sessionToken }: S3Config) {
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}
