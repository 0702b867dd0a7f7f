import { Env } from './environment.js';

/** Which `s3://` prefixes a tenant may read and write beside its own `s3://tenants/<tenant>/`. */
export class StorageConfig {
  @Env(
    'MODELPLANE_STORAGE_GRANTS',
    parseGrants,
    'Further prefixes of tenants, for example acme-corp=s3://data/,s3://predictions/;globex=s3://globex/',
  )
  grants: ReadonlyMap<string, readonly string[]> = new Map();
}

const TENANT = /^[a-z0-9][a-z0-9-]{0,62}$/;
/** A bucket, or a folder in one: segments that are neither empty nor . nor .., as in the keys of objects. */
const PREFIX = /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\/((?!\.\.?\/)[^/]+\/)*$/;

function parseGrants(value: string): Map<string, string[]> {
  const grants = new Map<string, string[]>();
  for (const entry of value.split(';').filter((part) => part.trim())) {
    const [, tenant = '', prefixes = ''] = /^\s*([^=]*?)\s*=(.*)$/.exec(entry) ?? [];
    if (!TENANT.test(tenant) || !prefixes.trim())
      throw new Error(`"${entry}" must look like tenant=s3://bucket/prefix/`);
    for (const prefix of prefixes.split(',').map((part) => part.trim())) {
      if (!PREFIX.test(prefix))
        throw new Error(`"${prefix}" must look like s3://bucket/ or s3://bucket/prefix/`);
      if (/^s3:\/\/(modelplane|tenants)\//.test(prefix))
        throw new Error(`"${prefix}" belongs to the platform and cannot be granted`);
      grants.set(tenant, [...(grants.get(tenant) ?? []), prefix]);
    }
  }
  return grants;
}
