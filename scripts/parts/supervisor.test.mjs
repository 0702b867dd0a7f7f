import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from './problem.mjs';
import { gone, processIdentity } from './process-identity.mjs';
import { Supervisor } from './supervisor.mjs';

const timing = { firstDelayMs: 50, longestDelayMs: 200, healthyMs: 60_000 };

function supervisorOf(context) {
  const lines = [];
  const logDir = mkdtempSync(path.join(tmpdir(), 'supervisor-'));
  const supervisor = new Supervisor({ logDir, say: (line) => lines.push(line), timing });
  context.after(() => supervisor.killAll());
  return { lines, supervisor };
}

const service = (script, more = {}) => ({
  name: 'demo',
  command: () => ({ file: process.execPath, args: ['-e', script] }),
  ready: ({ output }) => output().includes('ready'),
  ...more,
});

const LIVES = 'console.log("ready"); setInterval(() => {}, 1000)';

async function until(condition, ms = 5000) {
  for (const end = Date.now() + ms; !condition(); await sleep(10)) {
    if (Date.now() > end) throw new Error('waited in vain');
  }
}

test('starts a service again when it dies, and says so', async (context) => {
  const { supervisor, lines } = supervisorOf(context);
  await supervisor.start(service(LIVES));
  const first = supervisor.pid('demo');
  process.kill(first, 'SIGKILL');
  await until(() => lines.some((line) => line.includes('is up again')));
  assert.notEqual(supervisor.pid('demo'), first);
  assert.match(lines[0], /demo ended \(SIGKILL\); starting it again in 0.05 s/);
  assert.match(readFileSync(supervisor.logFile('supervisor'), 'utf8'), /demo is up again/);
  await supervisor.stop('demo');
});

test('waits longer after each death, up to a limit', async (context) => {
  const { supervisor, lines } = supervisorOf(context);
  await supervisor.start(service('console.log("ready"); setTimeout(() => process.exit(3), 300)'));
  await until(() => lines.filter((line) => line.includes('exit code 3')).length >= 4, 10_000);
  await supervisor.stop('demo');
  const delays = lines.map((line) => /again in (\S+) s/.exec(line)?.[1]).filter(Boolean);
  assert.deepEqual(delays.slice(0, 4), ['0.05', '0.1', '0.2', '0.2']);
});

test('a first start that fails is a problem that shows the last log lines', async (context) => {
  const { supervisor, lines } = supervisorOf(context);
  const failing = service('console.error("no such setting"); process.exit(2)');
  await assert.rejects(supervisor.start(failing), (error) => {
    assert.ok(error instanceof Problem);
    assert.match(error.message, /demo ended while starting \(exit code 2\)/);
    assert.match(error.detail, /no such setting/);
    return true;
  });
  await sleep(150);
  assert.deepEqual(lines, []);
});

test('a service that never becomes ready is a problem', async (context) => {
  const { supervisor } = supervisorOf(context);
  const silent = service('setInterval(() => {}, 1000)', { readyTimeoutMs: 300 });
  await assert.rejects(supervisor.start(silent), /is not ready after 0.3 s/);
});

test('a stopped service stays stopped', async (context) => {
  const { supervisor, lines } = supervisorOf(context);
  await supervisor.start(service(LIVES));
  const id = supervisor.pid('demo');
  await supervisor.stop('demo');
  assert.equal(processIdentity(id), null);
  await sleep(150);
  assert.equal(supervisor.pid('demo'), undefined);
  assert.deepEqual(lines, []);
});

test('a service that ignores its stop signal is killed after its grace', async (context) => {
  const { supervisor } = supervisorOf(context);
  await supervisor.start(service(`process.on('SIGTERM', () => {}); ${LIVES}`, { stopGraceMs: 300 }));
  const id = supervisor.pid('demo');
  await supervisor.stop('demo');
  assert.ok(await gone(id, 100));
});
