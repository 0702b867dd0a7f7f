import { Inject, Injectable } from '@nestjs/common';
import { formatObjectUri, type ObjectStore, parseObjectUri } from '#libs/object-store';
import { HttpConfig, StorageConfig } from '../../config/index.js';
import { allows, type Identity } from '../../platform/auth/identity.js';
import { invalid, Problem } from '../../platform/errors/problem.js';
import { Grants } from '../../platform/storage/grants.js';
import { OBJECT_STORE } from '../../platform/storage/object-store.token.js';
import { SignedUrls } from '../../platform/storage/signed-urls.js';
import { TenantStorage } from '../../platform/storage/tenant-storage.js';
import type { PresignDto, PresignedUrl } from './presign.dto.js';

const DEFAULT_SECONDS = 900;

/** URLs for large files: of the S3 server where there is one, so that the bytes do not pass through the service. */
@Injectable()
export class PresigningService {
  constructor(
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly grants: Grants,
    private readonly signedUrls: SignedUrls,
    private readonly storage: TenantStorage,
    private readonly config: StorageConfig,
    private readonly http: HttpConfig,
  ) {}

  /** @param origin under which the request came, where the configuration names no other */
  async presign(caller: Identity, dto: PresignDto, origin: string): Promise<PresignedUrl> {
    const { method, expires_in_seconds: seconds = DEFAULT_SECONDS } = dto;
    const { maxPresignSeconds } = this.config;
    if (seconds > maxPresignSeconds)
      throw invalid('/expires_in_seconds', `must not be greater than ${maxPresignSeconds}`);
    if (method === 'PUT' && !allows(caller, 'scientist'))
      throw new Problem('FORBIDDEN', `A URL to upload needs the role scientist.`);
    const address = parseObjectUri(dto.uri);
    this.grants.refuseForeign(caller.tenant, address);

    // Where the URL leads back here, what comes by it is counted as any other object.
    if (method === 'PUT' && this.store.presign) await this.storage.expect(caller.tenant, address, seconds);
    else if (method === 'PUT') await this.storage.refuseFull(caller.tenant);
    const expires = Math.floor(Date.now() / 1000) + seconds;
    const url = this.store.presign
      ? await this.store.presign(address, method, seconds)
      : (this.http.publicUrl || origin).replace(/\/$/, '') +
        this.signedUrls.sign(caller.tenant, method, address, expires);
    return {
      uri: formatObjectUri(address),
      method,
      url,
      expires_at: new Date(expires * 1000).toISOString(),
    };
  }
}
