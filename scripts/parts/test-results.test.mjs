import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { countResults, parseJest, parseJunit, parseTap, summaryLine } from './test-results.mjs';

const JEST = JSON.stringify({
  numPassedTests: 5,
  numFailedTests: 1,
  numRuntimeErrorTestSuites: 1,
  numPendingTests: 2,
  numTodoTests: 0,
});
const JUNIT =
  '<?xml version="1.0"?><testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="2" skipped="3" tests="10" time="0.1"><testcase name="a"/></testsuite></testsuites>';
const TAP = 'ok 1\n# tests 9\n# suites 0\n# pass 6\n# fail 1\n# cancelled 1\n# skipped 1\n# todo 0\n';

test('reads the counts of every runner', () => {
  assert.deepEqual(parseJest(JEST), { passed: 5, failed: 2, skipped: 2 });
  assert.deepEqual(parseJunit(JUNIT), { passed: 4, failed: 3, skipped: 3 });
  assert.deepEqual(parseTap(TAP), { passed: 6, failed: 2, skipped: 1 });
});

test('half a file is no result', () => {
  for (const parse of [parseJest, parseJunit, parseTap]) assert.equal(parse('{"num'), null);
});

test('a runner without results, without tests, or with an unexplained exit code is one failure', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'results-'));
  const empty = path.join(folder, 'empty.tap');
  writeFileSync(empty, '# tests 0\n# pass 0\n# fail 0\n');
  const good = path.join(folder, 'good.tap');
  writeFileSync(good, '# tests 3\n# pass 3\n# fail 0\n');
  const count = (file, exitCode) => countResults({ name: 'x', file, parse: parseTap, exitCode });

  assert.equal(count(path.join(folder, 'none'), 137).failed, 1);
  assert.match(count(path.join(folder, 'none'), 137).crash, /without results \(exit code 137\)/);
  assert.equal(count(empty, 0).failed, 1);
  assert.equal(count(good, 0).failed, 0);
  assert.equal(count(good, 1).failed, 1);
});

test('the last line sums the runners and names skipped tests only when there are any', () => {
  const one = { passed: 3, failed: 0, skipped: 0 };
  assert.equal(summaryLine([one, one]), '6 passed, 0 failed');
  assert.equal(summaryLine([one, { passed: 1, failed: 2, skipped: 4 }]), '4 passed, 2 failed, 4 skipped');
});
