// The build compiles this folder without Jest's types; specs are excluded from it.
import { randomBytes } from 'node:crypto';
import type { S3ObjectStore, S3Options } from '../src/index.js';

/** Options for the S3 server that the test runner carries, with buckets of this test's own. */
export function testServer(): S3Options {
  return {
    endpoint: required('MODELPLANE_TEST_S3_ENDPOINT'),
    region: 'us-east-1',
    credentials: {
      accessKeyId: required('MODELPLANE_TEST_S3_ACCESS_KEY_ID'),
      secretAccessKey: required('MODELPLANE_TEST_S3_SECRET_ACCESS_KEY'),
    },
    forcePathStyle: true,
    bucketPrefix: `test-${randomBytes(4).toString('hex')}-`,
    timeoutMs: 10_000,
  };
}

/** Deletes every object of a bucket. */
export async function empty(store: S3ObjectStore, bucket: string): Promise<void> {
  for (;;) {
    const { objects } = await store.list({ bucket, prefix: '' });
    if (objects.length === 0) return;
    await Promise.all(objects.map(({ key }) => store.delete({ bucket, key })));
  }
}

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the tests with npm test`);
  return value;
}
