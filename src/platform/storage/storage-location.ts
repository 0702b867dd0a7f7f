import { Inject, Injectable } from '@nestjs/common';
import { type ObjectStore, S3ObjectStore } from '#libs/object-store';
import { RuntimeConfig, S3Config, StorageConfig } from '../../config/index.js';
import { OBJECT_STORE } from './object-store.token.js';

/** How a process beside this one reaches the objects: what a job's spec may say of it, and what it may not. */
@Injectable()
export class StorageLocation {
  constructor(
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly runtime: RuntimeConfig,
    private readonly storage: StorageConfig,
    private readonly s3: S3Config,
  ) {}

  /** `storage` of contracts/training-spec.v1.schema.json; holds no secret. */
  get spec(): object {
    if (this.storage.kind === 'folder') return { kind: 'folder', root: this.runtime.objectsDir };
    return {
      kind: 's3',
      endpoint: this.s3.endpoint || null,
      region: this.s3.region,
      force_path_style: this.s3.forcePathStyle,
      bucket_prefix: this.s3.bucketPrefix,
      timeout_seconds: this.s3.timeoutSeconds,
    };
  }

  /** What a job on S3 asks for once it runs; kept in no spec, event or log. */
  async credentials(): Promise<object | null> {
    if (!(this.store instanceof S3ObjectStore)) return null;
    const { accessKeyId, secretAccessKey, sessionToken = null } = await this.store.credentials();
    return { access_key_id: accessKeyId, secret_access_key: secretAccessKey, session_token: sessionToken };
  }
}
