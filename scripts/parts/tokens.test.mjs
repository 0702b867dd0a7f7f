import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { inRoot } from './paths.mjs';
import { ensureSecrets } from './secrets.mjs';

const SECRET = 'a secret of at least thirty-two bytes';

function token(args, env = {}) {
  const clean = { PATH: process.env.PATH, MODELPLANE_STATE_DIR: path.join(tmpdir(), 'no-such-state') };
  return spawnSync(process.execPath, [inRoot('scripts', 'token.mjs'), ...args], {
    encoding: 'utf8',
    env: { ...clean, ...env },
  });
}

const decode = (part) => JSON.parse(Buffer.from(part, 'base64url').toString());
const admin = ['--tenant', 'acme-corp', '--role', 'admin'];

test('prints a signed token and nothing else', () => {
  const { stdout, stderr, status } = token([...admin, '--subject', 'sam', '--days', '2'], {
    MODELPLANE_JWT_SECRET: SECRET,
  });
  assert.equal(status, 0);
  assert.equal(stderr, '');
  const [header, claims, signature] = stdout.trimEnd().split('.');
  assert.equal(stdout.trim().split('\n').length, 1);
  assert.deepEqual(decode(header), { alg: 'HS256', typ: 'JWT' });
  const { iat, exp, ...rest } = decode(claims);
  assert.deepEqual(rest, { sub: 'sam', tenant_id: 'acme-corp', roles: ['admin'] });
  assert.equal(exp - iat, 2 * 24 * 60 * 60);
  assert.equal(signature, createHmac('sha256', SECRET).update(`${header}.${claims}`).digest('base64url'));
});

test('uses the secret that the first start generated', () => {
  const state = mkdtempSync(path.join(tmpdir(), 'token-'));
  const { jwt_secret } = ensureSecrets(state);
  const [header, claims, signature] = token(admin, { MODELPLANE_STATE_DIR: state }).stdout.trim().split('.');
  assert.equal(signature, createHmac('sha256', jwt_secret).update(`${header}.${claims}`).digest('base64url'));
});

for (const [what, args, env, line] of [
  ['a wrong role', ['--tenant', 'acme-corp', '--role', 'root'], {}, /--role must be one of viewer/],
  ['a wrong tenant', ['--tenant', 'Acme Corp', '--role', 'admin'], {}, /--tenant must match/],
  ['no tenant', ['--role', 'admin'], {}, /--tenant must match .*got nothing/],
  ['an unknown option', [...admin, '--colour', 'red'], {}, /--colour/],
  ['days that are no number', [...admin, '--days', 'many'], {}, /--days/],
  ['no secret yet', admin, { MODELPLANE_JWT_SECRET: '' }, /run npm start once/],
  [
    'production without a secret',
    admin,
    { MODELPLANE_JWT_SECRET: '', MODELPLANE_ENV: 'production' },
    /production/,
  ],
]) {
  test(`refuses ${what} in one line`, () => {
    const { stdout, stderr, status } = token(args, { MODELPLANE_JWT_SECRET: SECRET, ...env });
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.match(stderr, line);
    assert.equal(stderr.trim().split('\n').length, 1);
  });
}
