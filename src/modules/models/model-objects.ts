import { ARTIFACTS, UPLOADS } from '../../platform/storage/artifacts.js';
import type { ObjectOwner } from '../../platform/storage/object-owners.js';

/** What versions are made of, for as long as a version names it. */
export const VERSION_FILES: ObjectOwner = {
  what: 'files of model versions',
  folder: ARTIFACTS,
  kept: 'select tenant_id, sha256 as name from version_files',
};

/** A file lies here while it is checked, or sent to the caller; what is older belongs to a request that died. */
export const RECEIVED_MODELS: ObjectOwner = {
  what: 'models that are being uploaded or exported',
  folder: UPLOADS,
};
