// Entry of the thread that holds graphs: it builds and measures them, and does runs that would block the event loop.
import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import type { Tensor } from 'onnxruntime-node';
import { LocalGraph } from '../local-graph.js';
import { measureRun, QUICK_BUILD_MS, quickest } from '../run-cost.js';
import { type SentTensor, toFeeds, toSent } from '../sent-tensor.js';
import type { LoadRequest, Outcome, Reply, Request, RunRequest } from './messages.js';
import { joinRows, rowsOf, splitRows } from './rows.js';

const graphs = new Map<number, LocalGraph>();

parentPort!.on('message', (request: Request) => {
  if (request.type === 'end') {
    parentPort!.close();
  } else if (request.type === 'release') {
    void graphs.get(request.graph)?.release();
    graphs.delete(request.graph);
  } else if (request.type === 'load') answer(load(request));
  else {
    const start = performance.now();
    const outcomes = runAll(request);
    answer({ type: 'ran', outcomes, tookMs: performance.now() - start });
  }
});

function answer(reply: Reply): void {
  // The bytes of the file move back instead of being copied, since whoever asked may need them again.
  parentPort!.postMessage(reply, reply.type === 'loaded' ? [reply.loaded.bytes.buffer as ArrayBuffer] : []);
}

function load({ graph: id, bytes, sha256, probe }: LoadRequest): Reply {
  const digest = createHash('sha256').update(bytes).digest('hex');
  if (digest !== sha256) return { type: 'refused', digest };
  try {
    let graph!: LocalGraph;
    const buildMs = quickest(() => {
      void graph?.release();
      graph = new LocalGraph(bytes);
    }, QUICK_BUILD_MS);
    graphs.set(id, graph);
    const cost = measureRun(graph, probe.tensors, probe.fetches);
    const { inputs, outputs } = graph;
    return { type: 'loaded', loaded: { bytes, inputs, outputs, buildMs, cost } };
  } catch (error) {
    return { type: 'failed', error: (error as Error).message };
  }
}

function runAll(request: RunRequest): Outcome[] {
  const { requests } = request;
  if (requests.length > 1) {
    try {
      return splitRows(run(request, joinRows(requests)), requests.map(rowsOf)).map((outputs) => ({
        outputs,
      }));
    } catch {
      // One of the requests is at fault, or the graph does not work row by row. Each request is run by itself now, so
      // that none fails for the fault of another.
    }
  }
  return requests.map((tensors) => {
    try {
      return { outputs: run(request, tensors) };
    } catch (error) {
      return { error: (error as Error).message };
    }
  });
}

function run({ graph, fetches }: RunRequest, tensors: readonly SentTensor[]): SentTensor[] {
  const outputs = graphs.get(graph)!.runNow(toFeeds(tensors), fetches);
  return toSent(outputs as Record<string, Tensor>, fetches);
}
