import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { unknownSettings } from './settings.mjs';

function faultsOf(files) {
  const root = mkdtempSync(path.join(tmpdir(), 'settings-'));
  const all = {
    '.env.example': '# A port.\n# MODELPLANE_PORT=8000\n',
    'docker/.env.example': 'MODELPLANE_APP_PASSWORD=\n',
    'docker/compose.yaml': 'image: ${MODELPLANE_IMAGE:-modelplane}\n',
    ...files,
  };
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
  return unknownSettings(root);
}

for (const [file, text] of [
  ['README.md', 'MODELPLANE_PORT=9000 npm start'],
  ['docs/deep/a.md', '`MODELPLANE_APP_PASSWORD`, MODELPLANE_IMAGE, MODELPLANE_… and MODELPLANE_X_'],
  ['scripts/a.mjs', 'process.env.MODELPLANE_TEST_REDIS_URL'],
  ['src/a.spec.ts', 'MODELPLANE_ABSENT'],
])
  test(`${file} names settings that there are`, () => assert.deepEqual(faultsOf({ [file]: text }), []));

for (const [file, text] of [
  ['README.md', 'MODELPLANE_PROT=9000 npm start'],
  ['scripts/a.mjs', 'process.env.MODELPLANE_PROT'],
  ['docker/kubernetes/a.yaml', 'name: MODELPLANE_PROT'],
  ['src/config/a.ts', "@Env('MODELPLANE_PROT', text, '')"],
])
  test(`${file} names a setting that .env.example lacks`, () =>
    assert.deepEqual(faultsOf({ [file]: text }), [
      `${file} names MODELPLANE_PROT, which .env.example does not have`,
    ]));
