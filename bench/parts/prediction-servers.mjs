// The servers that bench/predictions.mjs compares. Each is {server, pid, url, token, body(features), read(answer)}: `body`
// makes the text of a request, and `read` takes {prediction, probabilities} of one row out of an answer.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../../scripts/parts/paths.mjs';
import { rememberedPort } from '../../scripts/parts/ports.mjs';

/** Plain Fastify by what it runs: the whole graph, or the core with the service's own encoding. */
export const LIMITS = { whole: 'limit', core: 'limit on the core' };

const ownRequest = ({ model_id }) => ({
  body: (features) => JSON.stringify({ model_id, features, options: { return_probabilities: true } }),
  read: ({ prediction: [prediction], probabilities: [probabilities] }) => ({ prediction, probabilities }),
});

export function oursAt(stack, { server, service, url }, model) {
  const { supervisor, token } = stack;
  return {
    server,
    pid: supervisor.pid(service),
    url: `${url}/api/v1/predictions`,
    token,
    ...ownRequest(model),
  };
}

export async function startLimit({ supervisor, stateDir }, set, model, part) {
  const { files, signature } = model;
  const name = limitName(set, part);
  const signatureFile = path.join(stateDir, `${name}.json`);
  writeFileSync(signatureFile, JSON.stringify(signature));
  const port = String(await rememberedPort(stateDir, name));
  const url = `http://127.0.0.1:${port}`;
  await supervisor.start({
    name,
    command: () => ({
      file: process.execPath,
      args: [inRoot('bench', 'limit.mjs'), files[part], signatureFile, port, part],
    }),
    ready: () => answers(`${url}/healthcheck`),
  });
  return {
    server: LIMITS[part],
    pid: supervisor.pid(name),
    url: `${url}/predict`,
    token: 'not-looked-at',
    ...ownRequest(model),
  };
}

export async function stopLimits({ supervisor }, set) {
  for (const part of Object.keys(LIMITS)) await supervisor.stop(limitName(set, part));
}

export function answers(url) {
  return fetch(url, { signal: AbortSignal.timeout(5000) }).then(
    ({ ok }) => ok,
    () => false,
  );
}

function limitName(set, part) {
  return `limit-${set}-${part}`;
}
