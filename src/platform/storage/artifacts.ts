import { Inject, Injectable } from '@nestjs/common';
import { type ObjectAddress, ObjectExists, type ObjectStore } from '#libs/object-store';
import { PLATFORM_BUCKET } from './grants.js';
import { OBJECT_STORE } from './object-store.token.js';

/** What models are made of: `s3://modelplane/<tenant>/artifacts/<SHA-256>`, written once, never changed. */
@Injectable()
export class Artifacts {
  constructor(@Inject(OBJECT_STORE) private readonly store: ObjectStore) {}

  /**
   * Copies an object to its content address; doing it again changes nothing.
   * @throws DigestMismatch where its content is not `sha256`
   */
  async publish(tenant: string, from: ObjectAddress, sha256: string): Promise<void> {
    try {
      await this.store.copy(from, addressOf(tenant, sha256), { ifAbsent: true, sha256 });
    } catch (error) {
      if (!(error instanceof ObjectExists)) throw error;
    }
  }

  /** The whole content, as it is stored: whoever uses it checks its digest. */
  async read(tenant: string, sha256: string, maxBytes: number): Promise<Buffer> {
    const { size, stream } = await this.store.get(addressOf(tenant, sha256));
    if (size > maxBytes) {
      stream.destroy();
      throw new Error(`the artifact ${sha256} has ${size} bytes, more than the ${maxBytes} allowed`);
    }
    return Buffer.concat((await stream.toArray()) as Buffer[]);
  }
}

function addressOf(tenant: string, sha256: string): ObjectAddress {
  return { bucket: PLATFORM_BUCKET, key: `${tenant}/artifacts/${sha256}` };
}
