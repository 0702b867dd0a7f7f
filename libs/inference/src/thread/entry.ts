// A thread that holds graphs whose runs would block the event loop for too long.
import { parentPort } from 'node:worker_threads';
import { Tensor } from 'onnxruntime-node';
import { LocalGraph } from '../local-graph.js';
import type { Reply, Request, SentTensor } from './messages.js';

const graphs = new Map<number, LocalGraph>();

parentPort!.on('message', (request: Request) => {
  if (request.type === 'release') {
    void graphs.get(request.graph)?.release();
    graphs.delete(request.graph);
    return;
  }
  const { id } = request;
  try {
    const outputs = request.type === 'load' ? load(request.graph, request.bytes) : run(request);
    parentPort!.postMessage({ id, outputs } satisfies Reply);
  } catch (error) {
    parentPort!.postMessage({ id, error: (error as Error).message } satisfies Reply);
  }
});

function load(graph: number, bytes: Uint8Array): SentTensor[] {
  graphs.set(graph, new LocalGraph(bytes));
  return [];
}

function run({ graph, feeds, fetches }: Extract<Request, { type: 'run' }>): SentTensor[] {
  const inputs = Object.fromEntries(
    feeds.map(({ name, type, dims, data }) => [name, new Tensor(type as never, data as never, dims)]),
  );
  const outputs = graphs.get(graph)!.runNow(inputs, fetches);
  return fetches.map((name) => {
    const { type, dims, data } = outputs[name] as Tensor;
    return { name, type, dims, data };
  });
}
