import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { ensureSecrets, readSecrets } from './secrets.mjs';

const folder = () => mkdtempSync(path.join(tmpdir(), 'secrets-'));

test('secrets are made once, long, different, and readable by their owner only', () => {
  const state = folder();
  assert.equal(readSecrets(state), null);
  const secrets = ensureSecrets(state);
  assert.deepEqual(ensureSecrets(state), secrets);
  assert.equal(new Set(Object.values(secrets)).size, Object.keys(secrets).length);
  for (const secret of Object.values(secrets)) assert.ok(Buffer.byteLength(secret) >= 32);
  assert.equal(statSync(path.join(state, 'secrets.json')).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(state), ['secrets.json']);
});

test('a secret that a newer version needs is added without changing the others', () => {
  const state = folder();
  const before = ensureSecrets(state);
  const older = { ...before, redis_password: undefined };
  writeFileSync(path.join(state, 'secrets.json'), JSON.stringify(older));
  const after = ensureSecrets(state);
  assert.equal(after.jwt_secret, before.jwt_secret);
  assert.ok(after.redis_password);
});

test('a damaged file is a problem, never overwritten', () => {
  const state = folder();
  writeFileSync(path.join(state, 'secrets.json'), '{"jwt_secret":');
  assert.throws(() => ensureSecrets(state), /secrets.json cannot be read/);
});
