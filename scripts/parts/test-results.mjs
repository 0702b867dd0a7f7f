import { existsSync, readFileSync } from 'node:fs';

/**
 * Counts of one runner from the file it wrote. No readable results, or a bad exit code that no failed
 * test explains, is itself one failure: a crash must never look like success.
 */
export function countResults({ name, file, parse, exitCode }) {
  const counts = (existsSync(file) && parse(readFileSync(file, 'utf8'))) || null;
  if (!counts || counts.passed + counts.failed + counts.skipped === 0) {
    return {
      name,
      passed: 0,
      failed: 1,
      skipped: 0,
      crash: `${name} ended without results (exit code ${exitCode})`,
    };
  }
  if (exitCode !== 0 && counts.failed === 0) {
    return {
      name,
      ...counts,
      failed: 1,
      crash: `${name} ended with exit code ${exitCode} although no test failed`,
    };
  }
  return { name, ...counts };
}

export function parseJest(text) {
  const results = parseJson(text);
  if (!results) return null;
  return {
    passed: results.numPassedTests,
    // A file that does not even load has no tests, and fails all the same.
    failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
    skipped: results.numPendingTests + results.numTodoTests,
  };
}

export function parseJunit(text) {
  const total = (name) =>
    [...text.matchAll(/<testsuite\s[^>]*>/g)].reduce(
      (sum, [tag]) => sum + Number(new RegExp(`\\s${name}="(\\d+)"`).exec(tag)?.[1] ?? 0),
      0,
    );
  if (!/<testsuite\s/.test(text)) return null;
  const failed = total('failures') + total('errors');
  const skipped = total('skipped');
  return { passed: total('tests') - failed - skipped, failed, skipped };
}

export function parseTap(text) {
  const total = (name) => Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  if (!/^# tests \d+$/m.test(text)) return null;
  return {
    passed: total('pass'),
    failed: total('fail') + total('cancelled'),
    skipped: total('skipped') + total('todo'),
  };
}

/** The last line of npm test. */
export function summaryLine(results) {
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  const skipped = sum('skipped');
  return `${sum('passed')} passed, ${sum('failed')} failed${skipped ? `, ${skipped} skipped` : ''}`;
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
