import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { ObjectAddress } from '#libs/object-store';
import { AuthConfig, StorageConfig } from '../../config/index.js';
import { Problem } from '../errors/problem.js';
import { TENANT_PATTERN } from '../auth/identity.js';

export type SignedMethod = 'GET' | 'PUT';

/** What a signed URL says of itself, in its query. */
export interface Signature {
  tenant?: string;
  /** Seconds since 1970. */
  expires?: string;
  signature?: string;
}

/**
 * URLs that this service answers itself: what presigned URLs are to S3. The signature covers the tenant whose grants
 * are used, the method, the object and the end, under a key that is for nothing else.
 */
@Injectable()
export class SignedUrls {
  private readonly key: Buffer | null;

  constructor(storage: StorageConfig, auth: AuthConfig) {
    const secret = storage.urlSigningSecret || auth.secret;
    this.key = secret
      ? Buffer.from(hkdfSync('sha256', secret, '', 'modelplane signed object urls v1', 32))
      : null;
  }

  /** @returns path and query */
  sign(tenant: string, method: SignedMethod, address: ObjectAddress, expires: number): string {
    const signature = this.signatureOf(tenant, method, address, String(expires)).toString('base64url');
    const path = [address.bucket, ...address.key.split('/')].map(encodeURIComponent).join('/');
    return `/api/v1/signed-objects/${path}?${new URLSearchParams({ tenant, expires: String(expires), signature })}`;
  }

  /**
   * The tenant in whose name the URL may be used.
   * @throws Problem 403, the same for everything but the end of a URL that was signed here
   */
  verify(method: SignedMethod, address: ObjectAddress, query: Signature): string {
    const { tenant = '', expires = '', signature = '' } = query;
    const given = Buffer.from(String(signature), 'base64url');
    const isPlain = TENANT_PATTERN.test(tenant) && /^\d{1,12}$/.test(expires);
    const wanted = this.signatureOf(tenant, method, address, expires);
    if (!isPlain || given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
      throw new Problem('FORBIDDEN', 'The URL was not signed for this method and object; ask for a new one.');
    }
    if (Number(expires) * 1000 <= Date.now()) {
      const end = new Date(Number(expires) * 1000).toISOString();
      throw new Problem('FORBIDDEN', `The URL expired at ${end}; ask for a new one.`);
    }
    return tenant;
  }

  private signatureOf(tenant: string, method: SignedMethod, address: ObjectAddress, expires: string): Buffer {
    if (!this.key) {
      throw new Problem(
        'OBJECT_STORE_UNAVAILABLE',
        'Signed URLs need MODELPLANE_URL_SIGNING_SECRET where an identity provider signs the tokens.',
      );
    }
    // A key may hold any of the other fields' characters, but no line break.
    const claim = [tenant, method, expires, address.bucket, address.key].join('\n');
    return createHmac('sha256', this.key).update(claim).digest();
  }
}
