import { PLATFORM_BUCKET } from '../../../platform/storage/grants.js';
import type { ObjectOwner } from '../../../platform/storage/object-owners.js';

/** Files of pushed rows, for as long as a row of `feature_files` names them. */
export const FEATURE_FILES: ObjectOwner = {
  what: 'files of pushed rows',
  folder: { name: 'features', isContentAddressed: false, isBackedUp: true },
  kept: `select tenant_id, split_part(uri, '/', 6) as name from feature_files where kind = 'pushed'`,
};

/** Where the file of this name lies: the sixth part of its URI is the name. */
export function featureFileAddress(tenant: string, name: string): { bucket: string; key: string } {
  return { bucket: PLATFORM_BUCKET, key: `${tenant}/${FEATURE_FILES.folder.name}/${name}` };
}
