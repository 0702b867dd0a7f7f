import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { spawnOnLeash } from './leash.mjs';
import { gone, processIdentity } from './process-identity.mjs';

const leash = fileURLToPath(new URL('./leash.mjs', import.meta.url));

/** A parent that starts a shell on a leash; the shell starts a sleep and prints both process ids. */
function parentOf(script, graceMs) {
  const program = `
    import { spawnOnLeash } from ${JSON.stringify(leash)};
    const child = spawnOnLeash('/bin/sh', ['-c', ${JSON.stringify(script)}], { output: 'pipe', graceMs: ${graceMs} });
    child.stdout.pipe(process.stdout);
  `;
  return spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function idsFrom(parent) {
  let text = '';
  for await (const chunk of parent.stdout) {
    text += chunk;
    if (text.includes('\n')) return text.trim().split(' ').map(Number);
  }
  throw new Error('the parent said nothing');
}

test('kill -9 of the parent ends the child and what the child started', async () => {
  const parent = parentOf('sleep 60 & echo $$ $!; wait', 2000);
  const ids = await idsFrom(parent);
  parent.kill('SIGKILL');
  for (const id of ids) assert.ok(await gone(id, 3000), `process ${id} is still there`);
});

test('a child that ignores SIGTERM is killed after its grace', async () => {
  const parent = parentOf("trap '' TERM; sleep 60 & echo $$ $!; wait", 500);
  const ids = await idsFrom(parent);
  parent.kill('SIGKILL');
  assert.equal(await gone(ids[0], 200), false);
  for (const id of ids) assert.ok(await gone(id, 3000), `process ${id} is still there`);
});

test('what a child leaves behind ends with it, while the parent lives on', async () => {
  const child = spawnOnLeash('/bin/sh', ['-c', 'sleep 60 >/dev/null 2>&1 & echo $!; exit 7'], {
    output: 'pipe',
  });
  const orphan = Number(String((await once(child.stdout, 'data'))[0]));
  const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];
  assert.equal(code, 7);
  assert.ok(await gone(orphan, 3000));
});

test('the process id is the program’s own', async () => {
  const child = spawnOnLeash(
    process.execPath,
    ['-e', 'console.log(process.pid); setInterval(() => {}, 1000)'],
    { output: 'pipe' },
  );
  assert.equal(Number(String((await once(child.stdout, 'data'))[0])), child.pid);
  child.kill('SIGTERM');
  const [, signal] = await once(child, 'exit');
  assert.equal(signal, 'SIGTERM');
  assert.equal(processIdentity(child.pid), null);
});
