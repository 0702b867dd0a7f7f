import type { ObjectStore } from '#libs/object-store';
import { PLATFORM_BUCKET } from './grants.js';

/**
 * What lies directly below a prefix of the platform's bucket: the tenants below '', a tenant's folders below
 * `<tenant>/`. It costs about a request a folder, however much the folders hold.
 */
export async function folderNames(store: ObjectStore, prefix: string): Promise<string[]> {
  const names = new Set<string>();
  for (let after: string | undefined; ;) {
    const { objects } = await store.list({ bucket: PLATFORM_BUCKET, prefix, after, limit: 1 });
    const [first] = objects;
    if (!first) return [...names];
    const rest = first.key.slice(prefix.length);
    const name = rest.split('/', 1)[0] as string;
    // '~' follows all that the platform writes, whether the server lists by bytes or by folders. An object that lies
    // outside of folders, or behind '~' all the same, is passed by itself.
    after = rest.includes('/') && !names.has(name) ? `${prefix}${name}/~` : first.key;
    names.add(name);
  }
}
