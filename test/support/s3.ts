import { randomBytes } from 'node:crypto';
import { required } from './service.js';

/** Settings of a service whose objects lie on the S3 server that the test runner carries, in buckets of its own. */
export function onS3(endpoint = required('MODELPLANE_TEST_S3_ENDPOINT')): Record<string, string> {
  return {
    MODELPLANE_STORAGE: 's3',
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: required('MODELPLANE_TEST_S3_ACCESS_KEY_ID'),
    AWS_SECRET_ACCESS_KEY: required('MODELPLANE_TEST_S3_SECRET_ACCESS_KEY'),
    MODELPLANE_S3_FORCE_PATH_STYLE: 'true',
    MODELPLANE_S3_BUCKET_PREFIX: `test-${randomBytes(4).toString('hex')}-`,
  };
}
