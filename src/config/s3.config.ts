import { boolean, Env, integer, matching, text, url } from './environment.js';

/** The S3 server, where MODELPLANE_STORAGE is s3. The AWS_… variables mean what they mean to every S3 tool. */
export class S3Config {
  @Env('AWS_ENDPOINT_URL_S3', url, 'URL of the S3 server; empty: AWS_ENDPOINT_URL.')
  endpointForS3 = '';

  @Env('AWS_ENDPOINT_URL', url, 'URL of the server of every AWS service; empty: AWS itself.')
  endpointForAll = '';

  @Env('MODELPLANE_S3_PUBLIC_ENDPOINT', url, 'URL of it for callers, in presigned URLs; empty: the same.')
  publicEndpoint = '';

  @Env('AWS_REGION', text, 'Region of the buckets.')
  region = 'us-east-1';

  @Env('AWS_ACCESS_KEY_ID', text, 'Access key; empty: what the profile or role of the machine gives.')
  accessKeyId = '';

  @Env('AWS_SECRET_ACCESS_KEY', text, 'Secret of the access key.')
  secretAccessKey = '';

  @Env('AWS_SESSION_TOKEN', text, 'Token of a temporary access key.')
  sessionToken = '';

  @Env(
    'MODELPLANE_S3_FORCE_PATH_STYLE',
    boolean,
    'true: endpoint/bucket/key, which most servers beside AWS need; false: bucket.endpoint/key.',
  )
  forcePathStyle = false;

  @Env(
    'MODELPLANE_S3_BUCKET_PREFIX',
    matching(/^[a-z0-9][a-z0-9.-]{0,30}$/, 'up to 31 of a-z, 0-9, dot and hyphen'),
    'Put before the name of every bucket; on AWS names are unique in the world.',
  )
  bucketPrefix = '';

  @Env(
    'MODELPLANE_S3_TIMEOUT_SECONDS',
    integer(1, 600),
    'How long the server may take to answer, or to send more.',
  )
  timeoutSeconds = 15;

  get endpoint(): string {
    return this.endpointForS3 || this.endpointForAll;
  }
}
