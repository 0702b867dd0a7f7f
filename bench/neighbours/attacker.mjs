// Sends the requests of a file again and again until its standard input ends: node attacker.mjs FILE. A process of its
// own with the lowest priority, as callers are on other machines. It prints what was answered, by status, as JSON.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';

os.setPriority(os.constants.priority.PRIORITY_LOW);

const { url, token, connections, giveUpMs, requests } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { hostname, port } = new URL(url);
const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
const bodies = requests.map(({ body }) => Buffer.from(body, 'base64'));
/** A caller that is refused at once asks again as fast as a script does, not as fast as a machine can. */
const PAUSE_MS = 5;

const answered = {};
let next = 0;
let ended = false;

/** @returns the status, or `no answer` where the connection ended or the caller gave up */
function send({ method, path, headers }, body) {
  return new Promise((resolve) => {
    const sent = http.request(
      {
        ...{ hostname, port, agent, method, path },
        headers: { authorization: `Bearer ${token}`, 'content-length': body.length, ...headers },
        signal: giveUpMs ? AbortSignal.timeout(giveUpMs) : undefined,
      },
      (response) => {
        response.resume().on('close', () => resolve(response.statusCode));
      },
    );
    sent.on('error', () => resolve('no answer'));
    sent.end(body);
  });
}

async function ask() {
  while (!ended) {
    const number = next++;
    const at = number % requests.length;
    const path = requests[at].path.replace('{n}', number);
    const status = await send({ ...requests[at], path }, bodies[at]);
    answered[status] = (answered[status] ?? 0) + 1;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

for (let at = 0; at < connections; at++) void ask();
process.stdin.resume().on('end', () => {
  ended = true;
  process.stdout.write(JSON.stringify(answered), () => process.exit());
});
