import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Steps } from './steps.mjs';

function recorder() {
  let text = '';
  return { write: (part) => (text += part), lines: () => text.trimEnd().split('\n') };
}

test('prints one line a step with what it says and its time', async () => {
  const out = recorder();
  const steps = new Steps(out);
  const port = await steps.run('PostgreSQL', async (step) => {
    step.says('PostgreSQL 18.4 on 127.0.0.1:54321');
    return 54321;
  });
  assert.equal(port, 54321);
  assert.equal(out.lines().length, 1);
  assert.match(out.lines()[0], /^✓ PostgreSQL 18\.4 on 127\.0\.0\.1:54321 +0\.0 s$/);
});

test('a step that throws prints nothing and passes the error on', async () => {
  const out = recorder();
  await assert.rejects(
    new Steps(out).run('Redis', async () => {
      throw new Error('no');
    }),
    /no/,
  );
  assert.deepEqual(out.lines(), ['']);
});

test('a check prints either outcome, with the details of a failure', async () => {
  const out = recorder();
  const steps = new Steps(out);
  assert.equal(await steps.check('Types', async () => ({ ok: true })), true);
  assert.equal(
    await steps.check('Lint', async () => ({ ok: false, detail: 'a.ts: bad\nb.ts: worse\n' })),
    false,
  );
  const [types, lint, ...details] = out.lines();
  assert.match(types, /^✓ Types/);
  assert.match(lint, /^✗ Lint/);
  assert.deepEqual(details, ['    a.ts: bad', '    b.ts: worse']);
});
