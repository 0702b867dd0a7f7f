import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Tensor } from 'onnxruntime-node';
import { ModelRunError } from '../errors.js';
import type { GraphSession, OutputTensor } from '../graph-session.js';
import type { Reply, Request, SentTensor } from './messages.js';

interface Waiting {
  resolve(outputs: readonly SentTensor[]): void;
  reject(error: Error): void;
}

/** One thread, started when it is first needed, for graphs whose runs would block the caller's for too long. */
export class GraphThread {
  private worker?: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;
  private lastGraph = 0;

  /** @param bytes the graph, checked by the caller; the thread gets it with the first run */
  open(bytes: Uint8Array): GraphSession {
    const graph = ++this.lastGraph;
    let loaded: { worker: Worker; done: Promise<unknown> } | undefined;
    return {
      run: async (feeds, fetches) => {
        // A thread that ended has taken its graphs with it.
        if (!loaded || loaded.worker !== this.worker) loaded = this.load(graph, bytes);
        await loaded.done;
        return this.run(graph, feeds, fetches);
      },
      release: async () => this.worker?.postMessage({ type: 'release', graph } satisfies Request),
    };
  }

  async close(): Promise<void> {
    await this.worker?.terminate();
  }

  private load(graph: number, bytes: Uint8Array): { worker: Worker; done: Promise<unknown> } {
    const worker = this.running();
    return { worker, done: this.ask({ type: 'load', id: ++this.lastId, graph, bytes }) };
  }

  private async run(
    graph: number,
    feeds: Record<string, Tensor>,
    fetches: readonly string[],
  ): Promise<Record<string, OutputTensor>> {
    const sent = Object.entries(feeds).map(([name, { type, dims, data }]) => ({ name, type, dims, data }));
    const outputs = await this.ask({ type: 'run', id: ++this.lastId, graph, feeds: sent, fetches });
    return Object.fromEntries(outputs.map((output) => [output.name, output as unknown as OutputTensor]));
  }

  private ask(request: Extract<Request, { id: number }>): Promise<readonly SentTensor[]> {
    return new Promise((resolve, reject) => {
      this.waiting.set(request.id, { resolve, reject });
      const worker = this.running();
      // The process ends without waiting for a thread that nobody waits for.
      worker.ref();
      worker.postMessage(request);
    });
  }

  private running(): Worker {
    if (this.worker) return this.worker;
    const worker = new Worker(entryFile());
    worker.on('message', (reply: Reply) => this.answered(worker, reply));
    worker.on('error', () => undefined);
    worker.on('exit', () => this.ended(worker));
    worker.unref();
    this.worker = worker;
    return worker;
  }

  private answered(worker: Worker, reply: Reply): void {
    const waiting = this.waiting.get(reply.id);
    this.waiting.delete(reply.id);
    if (this.waiting.size === 0) worker.unref();
    if ('error' in reply) waiting?.reject(new ModelRunError(reply.error));
    else waiting?.resolve(reply.outputs);
  }

  private ended(worker: Worker): void {
    if (this.worker === worker) this.worker = undefined;
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const { reject } of waiting) reject(new ModelRunError('the thread of the model ended'));
  }
}

/** Compiled, wherever this file itself runs from: a thread has no compiler. */
function entryFile(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    if (dirname(folder) === folder) throw new Error(`no package.json above ${import.meta.dirname}`);
    folder = dirname(folder);
  }
  return join(folder, 'dist/libs/inference/src/thread/entry.js');
}
