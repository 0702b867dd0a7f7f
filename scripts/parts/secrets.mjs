import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { writeAtomically } from './paths.mjs';
import { Problem } from './problem.mjs';

/** Its beginning is how a process in production knows, and refuses, a secret that was made here. */
const secret = () => `development-${randomBytes(32).toString('base64url')}`;

const NAMES = [
  'jwt_secret',
  'webhooks_key',
  'redis_password',
  's3_secret_access_key',
  'database_superuser_password',
  'database_owner_password',
  'database_app_password',
  'database_system_password',
];

const fileOf = (stateDir) => path.join(stateDir, 'secrets.json');

/** The secrets of a state directory, or null when it was never started. */
export function readSecrets(stateDir) {
  const file = fileOf(stateDir);
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    throw new Problem(`${file} cannot be read: ${error.message}`);
  }
}

/** Reads the secrets, generating once what is missing. Only the owner may read the file. */
export function ensureSecrets(stateDir) {
  const known = readSecrets(stateDir) ?? {};
  const missing = NAMES.filter((name) => !known[name]);
  if (!missing.length) return known;
  const secrets = { ...known, ...Object.fromEntries(missing.map((name) => [name, secret()])) };
  writeAtomically(fileOf(stateDir), `${JSON.stringify(secrets, null, 2)}\n`, 0o600);
  return secrets;
}
