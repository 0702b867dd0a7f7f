// Whether the process of this container lives: by HTTP where it serves, else by the file that a worker touches.
import { statSync } from 'node:fs';

const OLDEST_MS = 30_000;
const { MODELPLANE_ROLE: role, MODELPLANE_PORT: port, MODELPLANE_HEARTBEAT_FILE: file } = process.env;

try {
  if (role === 'worker') {
    const age = Date.now() - statSync(file).mtimeMs;
    if (age > OLDEST_MS) throw new Error(`the last heartbeat is ${Math.round(age / 1000)} s old`);
  } else {
    const url = `http://127.0.0.1:${port}/healthcheck/live`;
    const { status } = await fetch(url, { signal: AbortSignal.timeout(4000) });
    if (status !== 200) throw new Error(`${url} answered ${status}`);
  }
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
