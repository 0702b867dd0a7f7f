import { Env, integer, oneOf, secret } from './environment.js';

/** Where objects lie, and which prefixes a tenant may use beside its own `s3://tenants/<tenant>/`. */
export class StorageConfig {
  @Env(
    'MODELPLANE_STORAGE',
    oneOf('folder', 's3'),
    'Where objects lie: a folder under MODELPLANE_STATE_DIR, or s3.',
  )
  kind: 'folder' | 's3' = 'folder';

  @Env(
    'MODELPLANE_STORAGE_GRANTS',
    parseGrants,
    'Further prefixes of tenants, for example acme-corp=s3://data/,s3://predictions/;globex=s3://globex/',
  )
  grants: ReadonlyMap<string, readonly string[]> = new Map();

  @Env(
    'MODELPLANE_OBJECT_READER_ROLE',
    oneOf('viewer', 'predictor', 'scientist'),
    'Least role that may read and list objects, ask for URLs to them and download artifacts.',
  )
  objectReaderRole: 'viewer' | 'predictor' | 'scientist' = 'scientist';

  @Env(
    'MODELPLANE_MAX_PRESIGN_SECONDS',
    integer(1, 7 * 24 * 3600),
    'Longest life of a presigned URL; S3 takes a week at most.',
  )
  maxPresignSeconds = 24 * 3600;

  @Env(
    'MODELPLANE_URL_SIGNING_SECRET',
    secret,
    'Signs the URLs of a folder, at least 32 bytes; empty: derived from MODELPLANE_JWT_SECRET.',
  )
  urlSigningSecret = '';
}

/** What `npm start` gives the tenant of its demo; production refuses it. */
export const DEVELOPMENT_GRANTS: ReadonlyMap<string, readonly string[]> = new Map([
  ['acme-corp', ['s3://data/', 's3://predictions/']],
]);

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
