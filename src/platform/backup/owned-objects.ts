import type { Client } from 'pg';
import { PLATFORM_BUCKET } from '../storage/grants.js';
import type { ObjectOwner, OwnedFolder } from '../storage/object-owners.js';
import { type BackedUpObject, BackupError } from './backup-format.js';

/** What the owners say of objects; an object of another bucket, or of a folder without an owner, has no folder here. */
export function folderOf(
  owners: readonly ObjectOwner[],
  { bucket, key }: Pick<BackedUpObject, 'bucket' | 'key'>,
): OwnedFolder | undefined {
  if (bucket !== PLATFORM_BUCKET) return undefined;
  return owners.find(({ folder }) => folder.name === key.split('/')[1])?.folder;
}

/** @throws BackupError where an object that is named by its digest has other content */
export function refuseDamaged(owners: readonly ObjectOwner[], object: BackedUpObject): void {
  const { bucket, key, sha256 } = object;
  if (!folderOf(owners, object)?.isContentAddressed || key.split('/').slice(2).join('/') === sha256) return;
  throw new BackupError(`the object s3://${bucket}/${key} is damaged: its SHA-256 is ${sha256}`);
}

/** Keys of the objects that rows name by their digest, each with what it is. */
export async function requiredObjects(
  client: Client,
  owners: readonly ObjectOwner[],
): Promise<Map<string, string>> {
  const required = new Map<string, string>();
  for (const { what, folder, kept } of owners) {
    if (!folder.isContentAddressed || kept === undefined) continue;
    const { rows } = await client.query<{ tenant_id: string; name: string }>(
      `select distinct tenant_id, name from (${kept}) kept`,
    );
    for (const { tenant_id, name } of rows) required.set(`${tenant_id}/${folder.name}/${name}`, what);
  }
  return required;
}

/** @throws BackupError where one of the required objects is not among those found */
export function refuseMissing(
  required: ReadonlyMap<string, string>,
  found: readonly Pick<BackedUpObject, 'bucket' | 'key'>[],
): void {
  const missing = new Map(required);
  for (const { bucket, key } of found) if (bucket === PLATFORM_BUCKET) missing.delete(key);
  if (missing.size === 0) return;
  const some = [...missing].slice(0, 5).map(([key, what]) => `s3://${PLATFORM_BUCKET}/${key} (${what})`);
  throw new BackupError(`${missing.size} objects that rows name are missing: ${some.join(', ')}`);
}
