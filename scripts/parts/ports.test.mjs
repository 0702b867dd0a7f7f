import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { portHolder } from './port-holder.mjs';
import { isFree, lastPort, rememberedPort } from './ports.mjs';

const occupy = (context, port = 0) =>
  new Promise((resolve) => {
    const server = net.createServer();
    context.after(() => server.close());
    server.listen(port, '127.0.0.1', () => resolve(server));
  });

test('a service keeps its port, and gets another one when that is taken', async (context) => {
  const state = mkdtempSync(path.join(tmpdir(), 'ports-'));
  const [postgres, redis] = await Promise.all([
    rememberedPort(state, 'postgres'),
    rememberedPort(state, 'redis'),
  ]);
  assert.notEqual(postgres, redis);
  assert.equal(await rememberedPort(state, 'postgres'), postgres);

  await occupy(context, postgres);
  const other = await rememberedPort(state, 'postgres');
  assert.notEqual(other, postgres);
  assert.equal(lastPort(state, 'postgres'), other);
  assert.equal(lastPort(state, 'redis'), redis);
});

test('a taken port is noticed, and on Linux its holder named', async (context) => {
  const server = await occupy(context);
  const { port } = server.address();
  assert.equal(await isFree(port), false);
  if (process.platform === 'linux') assert.equal(portHolder(port).pid, process.pid);
  await new Promise((resolve) => server.close(resolve));
  assert.equal(await isFree(port), true);
});
