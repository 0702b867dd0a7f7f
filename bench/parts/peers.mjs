// The other servers of bench/predictions.mjs --peers: how each is installed, started and asked.
import { mkdirSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { inRoot } from '../../scripts/parts/paths.mjs';
import { rememberedPort } from '../../scripts/parts/ports.mjs';
import { mustRun } from '../../scripts/parts/programs.mjs';
import { answers } from './prediction-servers.mjs';
import { pythonWith } from '../../scripts/parts/python-environment.mjs';

/** One thread each, as the service and the limit have. */
const ONE_THREAD = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1' };
const READY_MS = 180_000; // importing Ray or MLflow for the first time takes long on a busy disk

/**
 * By the name on the command line. `launch(peer)` answers {command, ready, url, body, read}, where `peer` is
 * {python, folder, ports, graph}: `graph` is what is served, and lies in `folder` as graph.json for bench/peers/graph.py.
 */
export const PEERS = {
  mlserver: { title: 'MLServer', lock: 'mlserver', ports: 3, launch: mlserver },
  mlflow: { title: 'MLflow', lock: 'mlflow', ports: 1, launch: mlflow },
  bentoml: { title: 'BentoML', lock: 'bentoml', ports: 1, launch: bentoml },
  ray: { title: 'Ray Serve', lock: 'ray', ports: 1, launch: ray },
  'ray-haproxy': { title: 'Ray Serve, HAProxy', lock: 'ray', ports: 3, launch: rayBehindHaproxy },
};

/** Starts a peer on a set's model and answers it as a server; it is ended by `stopPeer`. */
export async function startPeer({ supervisor, stateDir }, name, set, model) {
  const { title, lock, ports: count, launch } = PEERS[name];
  const python = await pythonWith(lock, inRoot('bench', 'peers', lock, 'requirements.lock'));
  const folder = path.join(stateDir, serviceName(name, set));
  mkdirSync(folder, { recursive: true });
  const graph = graphOf(model);
  writeFileSync(path.join(folder, 'graph.json'), JSON.stringify(graph));
  const ports = [];
  for (let at = 0; at < count; at++) ports.push(await rememberedPort(stateDir, `${name}-${set}-${at}`));
  const { file, args, env, ready, ...server } = await launch({ python, folder, ports, graph });
  const service = serviceName(name, set);
  await supervisor.start({
    name: service,
    command: () => ({ file, args, cwd: folder, env: environment(python, folder, env) }),
    ready,
    readyTimeoutMs: READY_MS,
    stopGraceMs: 60_000,
    leashGraceMs: 60_000,
  });
  return { server: title, pid: supervisor.pid(service), token: 'not-looked-at', ...server };
}

export function stopPeer({ supervisor }, name, set) {
  return supervisor.stop(serviceName(name, set));
}

function serviceName(name, set) {
  return `peer-${name}-${set}`;
}

/**
 * What a peer serves. Where all features are numbers that the whole graph passes on as they are, it is the core: one
 * tensor [n, features], as converters of scikit-learn make it, and far faster than a tensor a feature.
 */
function graphOf({ signature: { inputs, core, output }, files }) {
  const isPlain = (column, at) =>
    column.tensor === inputs[at].tensor &&
    Object.keys(column).every((key) => ['tensor', 'missing'].includes(key));
  const isPacked = core?.columns.length === inputs.length && core.columns.every(isPlain);
  return {
    file: isPacked ? files.core : files.whole,
    packed: isPacked ? core.tensor : null,
    inputs: inputs.map(({ name, tensor, dtype }) => ({ name, tensor, dtype })),
    label: output.label_tensor,
    probabilities: output.probabilities_tensor,
    labels: output.labels,
  };
}

function environment(python, folder, env) {
  const { PATH, HOME, LANG } = process.env;
  return {
    ...{ PATH: `${path.dirname(python)}${path.delimiter}${PATH}`, HOME, LANG, TMPDIR: folder },
    ...ONE_THREAD,
    PYTHONPATH: inRoot('bench', 'peers'),
    BENCH_FOLDER: folder,
    ...env,
  };
}

const byName = {
  body: (features) => JSON.stringify({ features }),
  read: ({ prediction, probabilities }) => ({ prediction, probabilities }),
};

const numbersOf = ({ inputs }) => inputs.filter(({ dtype }) => dtype !== 'string').map(({ name }) => name);
const textsOf = ({ inputs }) => inputs.filter(({ dtype }) => dtype === 'string').map(({ name }) => name);
const valuesOf = (features, names) => names.map((name) => features[name]);

/** A custom runtime in the process that answers, of the V2 protocol: a tensor of all numbers and one of all texts. */
function mlserver({ python, folder, ports: [http, grpc, metrics], graph }) {
  const settings = {
    ...{ host: '127.0.0.1', http_port: http, grpc_port: grpc, metrics_port: metrics },
    ...{ debug: false, parallel_workers: 0 },
  };
  const model = { name: 'bench', implementation: 'mlserver_runtime.GraphRuntime' };
  writeFileSync(path.join(folder, 'settings.json'), JSON.stringify(settings));
  writeFileSync(path.join(folder, 'model-settings.json'), JSON.stringify(model));
  const tensor = (features, name, names, datatype) =>
    names.length > 0 ? [{ name, shape: [1, names.length], datatype, data: valuesOf(features, names) }] : [];
  return {
    file: path.join(path.dirname(python), 'mlserver'),
    args: ['start', folder],
    env: {
      PYTHONPATH: `${inRoot('bench', 'peers')}${path.delimiter}${inRoot('bench', 'peers', 'mlserver')}`,
    },
    ready: () => answers(`http://127.0.0.1:${http}/v2/models/bench/ready`),
    url: `http://127.0.0.1:${http}/v2/models/bench/infer`,
    body: (features) =>
      JSON.stringify({
        inputs: [
          ...tensor(features, 'numbers', numbersOf(graph), 'FP32'),
          ...tensor(features, 'texts', textsOf(graph), 'BYTES'),
        ],
      }),
    read: ({ outputs: [label, probabilities] }) => ({
      prediction: graph.labels[label.data[0]],
      probabilities: probabilities.data,
    }),
  };
}

/** Its own flavour of ONNX, behind its scoring server with one worker. */
async function mlflow({ python, folder, ports: [port], graph }) {
  const saved = path.join(folder, 'model');
  await mustRun(
    python,
    [inRoot('bench', 'peers', 'mlflow', 'save_model.py'), saved],
    'MLflow could not save the model',
    { cwd: folder, env: environment(python, folder, {}) },
  );
  return {
    file: path.join(path.dirname(python), 'mlflow'),
    args: [
      ...['models', 'serve', '--model-uri', saved, '--env-manager', 'local'],
      ...['--host', '127.0.0.1', '--port', String(port), '--workers', '1'],
    ],
    env: { MLFLOW_DISABLE_TELEMETRY: 'true', MLFLOW_TRACKING_URI: `file://${folder}/runs` },
    ready: () => answers(`http://127.0.0.1:${port}/health`),
    url: `http://127.0.0.1:${port}/invocations`,
    body: (features) => {
      const names = graph.inputs.map(({ name }) => name);
      if (graph.packed) return JSON.stringify({ inputs: [valuesOf(features, names)] });
      const columns = graph.inputs.map(({ name, tensor }) => [tensor, [[features[name]]]]);
      return JSON.stringify({ inputs: Object.fromEntries(columns) });
    },
    read: ({ predictions }) => {
      const [probabilities] = predictions[graph.probabilities];
      const label =
        graph.label === null
          ? probabilities.indexOf(Math.max(...probabilities))
          : predictions[graph.label][0];
      return { prediction: graph.labels[label], probabilities };
    },
  };
}

/** A service of one worker whose asynchronous method runs the model in the event loop: a run takes microseconds. */
function bentoml({ python, folder, ports: [port] }) {
  return {
    file: path.join(path.dirname(python), 'bentoml'),
    args: [
      ...['serve', 'service:Scorer', '--working-dir', inRoot('bench', 'peers', 'bentoml')],
      ...['--host', '127.0.0.1', '--port', String(port)],
    ],
    env: { BENTOML_HOME: path.join(folder, 'home'), BENTOML_DO_NOT_TRACK: 'True' },
    ready: () => answers(`http://127.0.0.1:${port}/readyz`),
    url: `http://127.0.0.1:${port}/predict`,
    ...byName,
  };
}

/** A local cluster of one replica behind its proxy, set to throughput as its guide to performance says. */
function ray({ python, folder, ports: [port] }, env = { RAY_SERVE_ENABLE_DIRECT_INGRESS: '0' }) {
  return {
    file: python,
    args: [inRoot('bench', 'peers', 'ray', 'serve_graph.py'), String(port)],
    env: {
      ...{ RAY_AUTH_MODE: 'token', RAY_AUTH_TOKEN: randomBytes(32).toString('hex') },
      ...{ RAY_USAGE_STATS_ENABLED: '0', RAY_raylet_start_wait_time_s: '180' },
      RAY_SERVE_THROUGHPUT_OPTIMIZED: '1',
      BENCH_RAY_FOLDER: path.dirname(folder), // the paths of its sockets may not be longer
      ...env,
    },
    ready: () => answers(`http://127.0.0.1:${port}/-/healthz`),
    url: `http://127.0.0.1:${port}/predict`,
    ...byName,
  };
}

/** HAProxy's page of statistics listens on every interface, whatever is set. */
function rayBehindHaproxy(peer) {
  const { folder, ports } = peer;
  const inFolder = (name) => path.join(folder, name);
  return ray(peer, {
    RAY_SERVE_ENABLE_HA_PROXY: '1',
    RAY_SERVE_HAPROXY_NBTHREAD: '1',
    RAY_SERVE_HAPROXY_METRICS_ENABLED: '0',
    RAY_SERVE_HAPROXY_STATS_PORT: String(ports[1]),
    RAY_SERVE_HAPROXY_METRICS_PORT: String(ports[2]),
    RAY_SERVE_HAPROXY_CONFIG_FILE_LOC: inFolder('haproxy.cfg'),
    RAY_SERVE_HAPROXY_SOCKET_PATH: path.join(path.dirname(folder), 's'), // it puts 56 digits before the name
    RAY_SERVE_HAPROXY_SERVER_STATE_BASE: folder,
    RAY_SERVE_HAPROXY_SERVER_STATE_FILE: inFolder('server-state'),
  });
}
