import type { Readable } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import {
  formatObjectUri,
  type ObjectContent,
  type ObjectStore,
  parseFolderUri,
  parseObjectUri,
} from '#libs/object-store';
import { HttpConfig } from '../../config/index.js';
import { FairQueue } from '../../platform/fair-share/fair-queue.js';
import { decodeCursor, pageOf } from '../../platform/http/page.js';
import { Refusals } from '../../platform/load/refusals.js';
import { Grants } from '../../platform/storage/grants.js';
import { OBJECT_STORE } from '../../platform/storage/object-store.token.js';
import { TenantStorage } from '../../platform/storage/tenant-storage.js';
import type { ListObjectsQuery, ObjectPage, StoredObjectEntry } from './objects.dto.js';
import { parseRange } from '../../platform/http/range-header.js';

/** A listing looks at all names of a folder, in turns with everything else. */
const LISTINGS = { places: 4, placesOfTenant: 1, maxWaiting: 64, maxWaitingOfTenant: 16 };
/** Listing a folder of fifty thousand names takes about so long. */
const LISTING_MS = 500;

/** A tenant's own view of the object store, for those who have no S3 tools. `path` is `bucket/key`. */
@Injectable()
export class ObjectsService {
  private readonly listings = new FairQueue(LISTINGS);

  constructor(
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly storage: TenantStorage,
    private readonly grants: Grants,
    private readonly config: HttpConfig,
    private readonly refusals: Refusals,
  ) {}

  /** @param length bytes of the body, where the request says how many */
  async put(
    tenant: string,
    path: string,
    body: Readable,
    length: number | undefined,
  ): Promise<StoredObjectEntry> {
    const address = this.addressOf(tenant, path);
    const { maxObjectBytes: maxBytes } = this.config;
    const stored = await this.storage
      .put(tenant, address, body, { maxBytes, length })
      .catch((error: unknown) => {
        // Until the rest was read, the caller could send no further request on its connection.
        body.resume();
        throw error;
      });
    return {
      uri: formatObjectUri(address),
      size_bytes: stored.size,
      etag: stored.etag,
      sha256: stored.sha256,
    };
  }

  async get(tenant: string, path: string, rangeHeader?: string): Promise<ObjectContent> {
    const address = this.addressOf(tenant, path);
    const range = rangeHeader ? parseRange(rangeHeader, (await this.store.head(address)).size) : undefined;
    return this.store.get(address, { range });
  }

  async delete(tenant: string, path: string): Promise<void> {
    await this.storage.delete(this.addressOf(tenant, path));
  }

  /** @throws Problem 400 for a prefix or cursor that is none, 403 outside of the grants, 503 where too many wait */
  async list(tenant: string, query: ListObjectsQuery): Promise<ObjectPage> {
    const folder = parseFolderUri(query.prefix);
    this.grants.refuseForeign(tenant, folder);
    const after = decodeCursor(tenant, query.cursor);
    const { objects } = await this.refusals.inTurn(
      'listings',
      this.listings,
      tenant,
      () => this.store.list({ ...folder, after, limit: query.limit + 1 }),
      (waiting) => ({ what: 'listings wait', waitMs: waiting * LISTING_MS }),
    );
    return pageOf(
      objects,
      query.limit,
      tenant,
      ({ key }) => key,
      ({ key, size, etag, lastModified }) => ({
        uri: formatObjectUri({ bucket: folder.bucket, key }),
        size_bytes: size,
        etag,
        last_modified: lastModified.toISOString(),
      }),
    );
  }

  private addressOf(tenant: string, path: string) {
    const address = parseObjectUri(`s3://${path}`);
    this.grants.refuseForeign(tenant, address);
    return address;
  }
}
