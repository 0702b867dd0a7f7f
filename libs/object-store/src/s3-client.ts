import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

export interface S3Options {
  /** The URL of the server; by default that of AWS for the region. */
  readonly endpoint?: string;
  /** The URL under which callers reach the server, for presigned URLs; by default `endpoint`. */
  readonly publicEndpoint?: string;
  readonly region: string;
  /** Without credentials the SDK looks where it always does: environment, profile, role of the machine. */
  readonly credentials?: S3Credentials;
  /** Whether objects are addressed as `endpoint/bucket/key` instead of `bucket.endpoint/key`. */
  readonly forcePathStyle: boolean;
  /** A text before the name of every bucket: on AWS no two buckets in the world may have the same name. */
  readonly bucketPrefix?: string;
  /** How long the server may take to answer a request or to send the next bytes. */
  readonly timeoutMs: number;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

const CONNECT_TIMEOUT_MS = 3000;
/** The most requests and open streams at once: a stream keeps its connection until it is read. */
const MAX_CONNECTIONS = 256;

/** Makes a client whose requests end in bounded time. */
export function createClient(options: S3Options, endpoint = options.endpoint): S3Client {
  return new S3Client({
    region: options.region,
    forcePathStyle: options.forcePathStyle,
    ...(endpoint && { endpoint }),
    ...(options.credentials && { credentials: options.credentials }),
    // Checksums in trailers are an extension that not every server knows, and presigned URLs cannot carry them.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    followRegionRedirects: true,
    requestHandler: {
      connectionTimeout: Math.min(CONNECT_TIMEOUT_MS, options.timeoutMs),
      requestTimeout: options.timeoutMs,
      throwOnRequestTimeout: true,
      // `timeoutMs` is enforced where a body is read. Here the pauses of its reader count too, so the limit is longer.
      socketTimeout: 4 * options.timeoutMs,
      httpAgent: { maxSockets: MAX_CONNECTIONS },
      httpsAgent: { maxSockets: MAX_CONNECTIONS },
    },
  });
}

export function signUrl(
  client: S3Client,
  method: 'GET' | 'PUT',
  { bucket, key }: { bucket: string; key: string },
  expiresIn: number,
): Promise<string> {
  const input = { Bucket: bucket, Key: key };
  const command = method === 'GET' ? new GetObjectCommand(input) : new PutObjectCommand(input);
  return getSignedUrl(client, command, { expiresIn });
}
