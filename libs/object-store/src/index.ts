export * from './errors.js';
export { expand, literalPrefix, parseObjectPattern } from './expand.js';
export type { ExpandOptions, ObjectPattern } from './expand.js';
export { FolderObjectStore } from './folder-object-store.js';
export { S3ObjectStore } from './s3-object-store.js';
export type { S3Credentials, S3Options } from './s3-client.js';
export type {
  ByteRange,
  ListedObject,
  ListOptions,
  ObjectContent,
  ObjectInfo,
  ObjectPage,
  ObjectStore,
  PutOptions,
  StoredObject,
} from './object-store.js';
export { checkAddress, formatObjectUri, parseFolderUri, parseObjectUri } from './object-uri.js';
export type { FolderAddress, ObjectAddress } from './object-uri.js';
