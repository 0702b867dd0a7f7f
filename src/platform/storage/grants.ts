import { Injectable } from '@nestjs/common';
import {
  formatObjectUri,
  InvalidObjectUri,
  literalPrefix,
  type FolderAddress,
  type ObjectAddress,
} from '#libs/object-store';
import { StorageConfig } from '../../config/index.js';
import { invalid, Problem } from '../errors/problem.js';

/** Where the platform keeps its own objects; no grant covers it. */
export const PLATFORM_BUCKET = 'modelplane';

/** Where each tenant has a folder of its own. */
export const TENANTS_BUCKET = 'tenants';

/** Which part of the object store a tenant may use: its own folder, and what the configuration lists. */
@Injectable()
export class Grants {
  constructor(private readonly config: StorageConfig) {}

  of(tenant: string): readonly string[] {
    return [`s3://${TENANTS_BUCKET}/${tenant}/`, ...(this.config.grants.get(tenant) ?? [])];
  }

  /**
   * Refuses an address or pattern outside the tenant's grants without looking whether anything is there.
   * @param pointer the field that holds it, where a body does
   * @throws Problem 403, or 400 for a text that is no pattern
   */
  refuseForeign(tenant: string, target: string | ObjectAddress | FolderAddress, pointer?: string): void {
    const uri = typeof target === 'string' ? target : formatObjectUri(target);
    const covered = typeof target === 'string' ? coveredBy(target, pointer) : uri;
    if (this.of(tenant).some((prefix) => covered.startsWith(prefix))) return;
    const message = `${uri} is outside of what ${tenant} may use: ${this.of(tenant).join(', ')}`;
    throw new Problem('FORBIDDEN', message, { ...(pointer && { errors: [{ pointer, message }] }) });
  }
}

function coveredBy(pattern: string, pointer = ''): string {
  try {
    return literalPrefix(pattern);
  } catch (error) {
    if (error instanceof InvalidObjectUri) throw invalid(pointer, error.message);
    throw error;
  }
}
