import { Injectable } from '@nestjs/common';
import { formatObjectUri, literalPrefix, type FolderAddress, type ObjectAddress } from '#libs/object-store';
import { StorageConfig } from '../../config/index.js';
import { Problem } from '../errors/problem.js';

/** Where the platform keeps its own objects; no grant covers it. */
export const PLATFORM_BUCKET = 'modelplane';

/** Which part of the object store a tenant may use: its own folder, and what the configuration lists. */
@Injectable()
export class Grants {
  constructor(private readonly config: StorageConfig) {}

  of(tenant: string): readonly string[] {
    return [`s3://tenants/${tenant}/`, ...(this.config.grants.get(tenant) ?? [])];
  }

  /**
   * Refuses an address or pattern outside the tenant's grants without looking whether anything is there.
   * @throws Problem 403; InvalidObjectUri for a text that is no pattern
   */
  refuseForeign(tenant: string, target: string | ObjectAddress | FolderAddress): void {
    const uri = typeof target === 'string' ? target : formatObjectUri(target);
    const covered = typeof target === 'string' ? literalPrefix(target) : uri;
    if (this.of(tenant).some((prefix) => covered.startsWith(prefix))) return;
    throw new Problem(
      'FORBIDDEN',
      `${uri} is outside of what ${tenant} may use: ${this.of(tenant).join(', ')}.`,
    );
  }
}
