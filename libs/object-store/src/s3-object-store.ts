import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { Readable } from 'node:stream';
import { resolveRange } from './byte-range.js';
import { InvalidRange, ObjectExists, ObjectNotFound, ObjectStoreError } from './errors.js';
import {
  checkListing,
  MAX_LIST_LIMIT,
  type ByteRange,
  type ListedObject,
  type ListOptions,
  type ObjectContent,
  type ObjectInfo,
  type ObjectPage,
  type ObjectStore,
  type PutOptions,
  type StoredObject,
} from './object-store.js';
import { checkAddress, checkKey, formatObjectUri, type ObjectAddress } from './object-uri.js';
import { BodyParts, watchBody } from './s3-body.js';
import { createClient, type S3Credentials, type S3Options, signUrl } from './s3-client.js';
import { isMissing, toStoreError } from './s3-errors.js';

/** S3 takes parts of 5 MiB and more, and 10,000 of them. */
const PART_BYTES = 8 * 2 ** 20;
const MAX_PARTS = 10_000;
const PARTS_AT_ONCE = 4;

/** An object store on a server that speaks S3: `s3://bucket/key` is that key in that bucket of the server. */
export class S3ObjectStore implements ObjectStore {
  private readonly client: S3Client;
  /** Signs URLs for the address under which callers reach the server. */
  private readonly signer: S3Client;

  constructor(private readonly options: S3Options) {
    this.client = createClient(options);
    this.signer = createClient(options, options.publicEndpoint || options.endpoint);
  }

  async put(
    address: ObjectAddress,
    body: Readable | Uint8Array,
    options: PutOptions = {},
  ): Promise<StoredObject> {
    const target = this.targetOf(address);
    // The server decides when the upload ends; checking it here saves an upload that could not end well.
    if (options.ifAbsent && (await this.exists(address)))
      throw new ObjectExists(`${formatObjectUri(address)} exists`);
    const partBytes = Math.max(PART_BYTES, Math.ceil((options.maxBytes ?? 0) / MAX_PARTS));
    const parts = new BodyParts(body, partBytes, options);
    const condition = options.ifAbsent ? { IfNoneMatch: '*' } : {};
    const stream = parts.read();
    try {
      const first = await stream.next();
      const second = await stream.next();
      const etag = second.done
        ? await this.request(address, () =>
            this.client.send(
              new PutObjectCommand({ ...target, ...condition, Body: first.value as Buffer }),
              signalOf(options),
            ),
          )
        : await this.putParts(address, chain(first.value, second.value, stream), condition, options);
      return { size: parts.size, sha256: parts.sha256, etag: unquote(etag.ETag) };
    } catch (error) {
      options.signal?.throwIfAborted();
      throw error;
    } finally {
      await stream.return(undefined);
    }
  }

  async get(address: ObjectAddress, { range }: { readonly range?: ByteRange } = {}): Promise<ObjectContent> {
    const target = this.targetOf(address);
    if (range) {
      // The error for a range outside of the object names its size, which only a head request tells.
      const { size } = await this.head(address);
      range = resolveRange(range, size);
    }
    const Range = range && `bytes=${range.start}-${range.end}`;
    const found = await this.request(address, () =>
      this.client.send(new GetObjectCommand({ ...target, Range })).catch((error: unknown) => {
        // A missing bucket counts as a missing object, since a head request cannot tell them apart either.
        throw isMissing(error) ? new ObjectNotFound(`${formatObjectUri(address)} does not exist`) : error;
      }),
    );
    const part = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(found.ContentRange ?? '');
    const body = found.Body as Readable;
    if (range && !part) {
      body.destroy();
      throw new InvalidRange(`the server gave no range of ${formatObjectUri(address)}`, 0);
    }
    return {
      size: part ? Number(part[3]) : (found.ContentLength ?? 0),
      etag: unquote(found.ETag),
      lastModified: found.LastModified ?? new Date(0),
      range: part ? { start: Number(part[1]), end: Number(part[2]) } : null,
      stream: watchBody(body, this.options.timeoutMs, (error) => toStoreError(error, address)),
    };
  }

  async head(address: ObjectAddress): Promise<ObjectInfo> {
    const target = this.targetOf(address);
    const found = await this.request(address, () => this.client.send(new HeadObjectCommand(target)));
    return {
      size: found.ContentLength ?? 0,
      etag: unquote(found.ETag),
      lastModified: found.LastModified ?? new Date(0),
    };
  }

  async delete(address: ObjectAddress): Promise<void> {
    const target = this.targetOf(address);
    try {
      await this.client.send(new DeleteObjectCommand(target));
    } catch (error) {
      if (isMissing(error)) return;
      throw toStoreError(error, address);
    }
  }

  async list({ bucket, prefix, after, limit = MAX_LIST_LIMIT }: ListOptions): Promise<ObjectPage> {
    checkListing({ bucket, prefix, limit });
    const wanted = Math.min(limit, MAX_LIST_LIMIT);
    const objects: ObjectPage['objects'] = [];
    for (let from = after, truncated = true; truncated;) {
      const page = await this.listOnce(bucket, prefix, from, wanted - objects.length + 1);
      truncated = page.truncated;
      from = page.last;
      objects.push(...page.objects);
      if (objects.length > wanted) return { objects: objects.slice(0, wanted), truncated: true };
    }
    return { objects, truncated: false };
  }

  async *listAll({ bucket, prefix }: Pick<ListOptions, 'bucket' | 'prefix'>): AsyncGenerator<ListedObject> {
    checkListing({ bucket, prefix });
    for (let from: string | undefined, truncated = true; truncated;) {
      const page = await this.listOnce(bucket, prefix, from, MAX_LIST_LIMIT);
      truncated = page.truncated;
      from = page.last;
      yield* page.objects;
    }
  }

  async copy(from: ObjectAddress, to: ObjectAddress, options: PutOptions = {}): Promise<StoredObject> {
    checkAddress(to);
    const { stream } = await this.get(from);
    try {
      return await this.put(to, stream, options);
    } finally {
      stream.destroy();
    }
  }

  presign(address: ObjectAddress, method: 'GET' | 'PUT', expiresInSeconds: number): Promise<string> {
    const { Bucket, Key } = this.targetOf(address);
    return this.request(address, () =>
      signUrl(this.signer, method, { bucket: Bucket, key: Key }, expiresInSeconds),
    );
  }

  /**
   * Makes sure that a bucket is there.
   * @throws ObjectStoreUnavailable naming the bucket where it is missing and not to be created
   */
  async ensureBucket(bucket: string, mayCreate: boolean): Promise<void> {
    const { Bucket } = this.targetOf({ bucket, key: 'any' });
    const at = { bucket: Bucket };
    try {
      await this.client.send(new HeadBucketCommand({ Bucket }));
    } catch (error) {
      if ((error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode !== 404)
        throw toStoreError(error, at);
      if (!mayCreate) throw toStoreError({ name: 'NoSuchBucket' }, at);
      await this.client.send(new CreateBucketCommand({ Bucket })).catch((failure: Error) => {
        // Another process that is starting has made the bucket first.
        if (failure.name !== 'BucketAlreadyOwnedByYou' && failure.name !== 'BucketAlreadyExists')
          throw toStoreError(failure, at);
      });
    }
  }

  /** The credentials that requests are signed with now; temporary ones change. */
  async credentials(): Promise<S3Credentials> {
    const { accessKeyId, secretAccessKey, sessionToken } = await this.request({ bucket: '' }, () =>
      this.client.config.credentials(),
    );
    return { accessKeyId, secretAccessKey, sessionToken };
  }

  close(): void {
    this.client.destroy();
    this.signer.destroy();
  }

  private async putParts(
    address: ObjectAddress,
    parts: AsyncIterable<Buffer>,
    condition: { IfNoneMatch?: string },
    options: PutOptions,
  ): Promise<{ ETag?: string }> {
    const target = this.targetOf(address);
    const { UploadId } = await this.request(address, () =>
      this.client.send(new CreateMultipartUploadCommand(target), signalOf(options)),
    );
    const sent: Promise<{ PartNumber: number; ETag?: string }>[] = [];
    const send = async (PartNumber: number, Body: Buffer) => {
      const part = { ...target, UploadId, PartNumber, Body };
      const { ETag } = await this.request(address, () =>
        this.client.send(new UploadPartCommand(part), signalOf(options)),
      );
      return { PartNumber, ETag };
    };
    try {
      for await (const part of parts) {
        const sending = send(sent.length + 1, part);
        sending.catch(() => undefined); // told by whoever awaits it below
        sent.push(sending);
        // Parts that arrive faster than they can be sent wait in the stream, not in memory.
        if (sent.length >= PARTS_AT_ONCE) await sent[sent.length - PARTS_AT_ONCE];
      }
      const MultipartUpload = { Parts: await Promise.all(sent) };
      const whole = { ...target, ...condition, UploadId, MultipartUpload };
      return await this.request(address, () =>
        this.client.send(new CompleteMultipartUploadCommand(whole), signalOf(options)),
      );
    } catch (error) {
      // A part that is still being sent would outlive the upload that is aborted.
      await Promise.allSettled(sent);
      await this.client
        .send(new AbortMultipartUploadCommand({ ...target, UploadId }))
        // The error that ended the upload says more; a bucket's lifecycle rule removes what stays.
        .catch(() => undefined);
      throw error;
    }
  }

  private async listOnce(bucket: string, prefix: string, after: string | undefined, limit: number) {
    const { Bucket } = this.targetOf({ bucket, key: 'any' });
    const query = { Bucket, Prefix: prefix, StartAfter: after, MaxKeys: Math.min(limit, MAX_LIST_LIMIT) };
    try {
      const page = await this.client.send(new ListObjectsV2Command(query));
      const found = page.Contents ?? [];
      const objects = found.flatMap(({ Key = '', Size = 0, ETag, LastModified = new Date(0) }) =>
        canBeSpelled(Key) ? [{ key: Key, size: Size, etag: unquote(ETag), lastModified: LastModified }] : [],
      );
      const last = found.at(-1)?.Key;
      return { objects, last, truncated: page.IsTruncated === true && last !== undefined };
    } catch (error) {
      if (isMissing(error)) return { objects: [], last: undefined, truncated: false };
      throw toStoreError(error, { bucket: Bucket });
    }
  }

  private async exists(address: ObjectAddress): Promise<boolean> {
    try {
      await this.head(address);
      return true;
    } catch (error) {
      if (error instanceof ObjectNotFound) return false;
      throw error;
    }
  }

  private targetOf(address: ObjectAddress): { Bucket: string; Key: string } {
    checkAddress(address);
    return { Bucket: `${this.options.bucketPrefix ?? ''}${address.bucket}`, Key: address.key };
  }

  private async request<T>(address: ObjectAddress | { bucket: string }, send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (error) {
      throw toStoreError(error, address);
    }
  }
}

/** A key that no URI can spell, such as the marker `folder/` of some tools, is no object here. */
function canBeSpelled(key: string): boolean {
  try {
    checkKey(key);
    return true;
  } catch (error) {
    if (error instanceof ObjectStoreError) return false;
    throw error;
  }
}

async function* chain(first: Buffer, second: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield second;
  yield* rest;
}

function signalOf({ signal }: PutOptions): { abortSignal?: AbortSignal } {
  return signal ? { abortSignal: signal } : {};
}

function unquote(etag = ''): string {
  return etag.replace(/^"|"$/g, '');
}
