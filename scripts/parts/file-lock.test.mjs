import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { takeLock, withLock } from './file-lock.mjs';
import { inRoot } from './paths.mjs';

const lockFile = () => path.join(mkdtempSync(path.join(tmpdir(), 'lock-')), 'lock');

test('a lock of a living process holds, and one of a killed process does not', async () => {
  const file = lockFile();
  const module = JSON.stringify(inRoot('scripts', 'parts', 'file-lock.mjs'));
  const program = `const { takeLock } = await import(${module}); takeLock(${JSON.stringify(file)}); console.log('held'); setInterval(() => {}, 1000)`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  assert.deepEqual(takeLock(file), { heldBy: holder.pid });

  holder.kill('SIGKILL');
  await once(holder, 'exit');
  const lock = takeLock(file);
  assert.ok(lock.release);
  lock.release();
  assert.deepEqual(readdirSync(path.dirname(file)), []);
});

test('a process id that now belongs to another process does not hold a lock', () => {
  const file = lockFile();
  writeFileSync(file, JSON.stringify({ pid: process.ppid, identity: `${process.ppid}@1` }));
  assert.ok(takeLock(file).release);
});

test('work behind a lock runs one after the other', async () => {
  const file = lockFile();
  const lock = takeLock(file);
  const told = [];
  const done = withLock(
    file,
    () => 'worked',
    (pid) => told.push(pid),
  );
  await new Promise((resolve) => setTimeout(resolve, 50));
  lock.release();
  assert.equal(await done, 'worked');
  assert.deepEqual(told, [process.pid]);
});
