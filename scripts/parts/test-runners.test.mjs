import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { runTests } from './test-runners.mjs';
import { parseTap } from './test-results.mjs';

/** Runners that are short programs of Node; each finds the folder that they share as its last argument. */
function runnersOf(context, programs) {
  const folder = mkdtempSync(path.join(tmpdir(), 'runners-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const said = [];
  const runners = Object.entries(programs).map(([name, program]) => {
    const file = path.join(folder, `${name}.tap`);
    const script = `
      const { existsSync, writeFileSync } = require('node:fs');
      const [results, folder] = process.argv.slice(1);
      const there = (name) => existsSync(folder + '/' + name);
      const make = (name) => writeFileSync(folder + '/' + name, '');
      const seen = (name, then) => (there(name) ? then() : setTimeout(seen, 10, name, then));
      const end = (passed, failed) => {
        writeFileSync(results, '# tests ' + (passed + failed) + '\\n# pass ' + passed + '\\n# fail ' + failed + '\\n');
        process.exitCode = failed ? 1 : 0;
      };
      ${program}`;
    return { name, command: [process.execPath, ['-e', script, file, folder]], file, parse: parseTap };
  });
  return { said, run: () => runTests(runners, process.env, { folder, say: (text) => said.push(text) }) };
}

test('the first runner runs beside the others, which run in turn, and results keep the order', async (context) => {
  const { run } = runnersOf(context, {
    first: `make('started'); seen('second-ended', () => end(2, 0));`,
    second: `seen('started', () => { end(3, there('third-started') ? 1 : 0); make('second-ended'); });`,
    third: `make('third-started'); end(4, there('second-ended') ? 0 : 1);`,
  });
  assert.deepEqual(await run(), [
    { name: 'first', passed: 2, failed: 0, skipped: 0 },
    { name: 'second', passed: 3, failed: 0, skipped: 0 },
    { name: 'third', passed: 4, failed: 0, skipped: 0 },
  ]);
});

test('what a runner beside the first writes is shown in one piece, also when it fails', async (context) => {
  const { run, said } = runnersOf(context, {
    first: `end(1, 0);`,
    second: `console.log('to be read'); console.error('and this'); end(0, 1);`,
    third: `process.exit(7);`,
  });
  const [, second, third] = await run();
  assert.equal(second.failed, 1);
  assert.match(third.crash, /without results \(exit code 7\)/);
  assert.match(
    said.find((text) => text.includes('--- second')),
    /^\n--- second\nto be read\nand this\n--- second/,
  );
});

test('a runner alone says nothing of others', async (context) => {
  const { run, said } = runnersOf(context, { first: `end(1, 0);` });
  assert.equal((await run()).length, 1);
  assert.deepEqual(said, ['\n--- first']);
});
