import assert from 'node:assert/strict';
import { mkdtempSync, mkdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { hashOf, isStamped, stamp } from './stamps.mjs';

test('a hash follows names and contents, not times', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'stamps-'));
  const source = path.join(folder, 'src');
  mkdirSync(path.join(source, 'deep'), { recursive: true });
  const file = path.join(source, 'deep', 'a.ts');
  writeFileSync(file, 'one');
  const first = hashOf([source]);
  utimesSync(file, 1, 1);
  assert.equal(hashOf([source]), first);
  writeFileSync(file, 'two');
  assert.notEqual(hashOf([source]), first);
  writeFileSync(file, 'one');
  renameSync(file, path.join(source, 'deep', 'b.ts'));
  assert.notEqual(hashOf([source]), first);
});

test('a folder is stamped with what it was made from', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'stamps-'));
  assert.equal(isStamped(folder, 'x'), false);
  stamp(folder, 'x');
  assert.equal(isStamped(folder, 'x'), true);
  assert.equal(isStamped(folder, 'y'), false);
});
