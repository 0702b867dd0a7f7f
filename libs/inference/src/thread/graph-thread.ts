import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Tensor } from 'onnxruntime-node';
import { ArtifactCorrupt, ModelRunError, ModelUnavailable } from '../errors.js';
import type { GraphSession, OutputTensor } from '../graph-session.js';
import { GraphQueue } from './graph-queue.js';
import { type SentTensor, toSent } from '../sent-tensor.js';
import type { LoadedGraph, Probe, Reply, Request } from './messages.js';
import { joinRows, rowsOf, splitRows } from './rows.js';

/** Where a graph comes from, and what it is tried with. */
export interface GraphSource {
  /** Lower-case hex digest that the bytes must have. */
  readonly sha256: string;
  readonly probe: Probe;
  /** The bytes once more, for a thread that has ended with what it held. */
  read(): Promise<Uint8Array>;
}

/** One that runs, and one that is at hand when it ends: */
const TURNS_AHEAD = 2;
/**
 * and as many as last for so long, a turn of a busy main thread, for which the thread would have to wait; but not of
 * requests that are better run with those that come meanwhile.
 */
const AHEAD_MS = 50;

class Graph extends GraphQueue {
  /** The thread that holds it. */
  home?: Worker;
  loading?: { bytes: Uint8Array; resolve: (loaded: LoadedGraph) => void; reject: (error: Error) => void };

  constructor(
    readonly id: number,
    readonly source: GraphSource,
  ) {
    super();
  }
}

/**
 * One thread, started when it is first needed or asked for, for what would block the caller's: building graphs, and
 * long runs. It does one thing after the other, of the graph that has had least of its time; what comes meanwhile waits
 * here.
 */
export class GraphThread {
  private worker?: Worker;
  /** Of what the thread was asked, in its order. */
  private readonly replies: { resolve(reply: Reply): void; reject(error: Error): void }[] = [];
  private readonly waiting = new Set<Graph>();
  private isWorking = false;
  private lastGraph = 0;
  /** What the graph that was served last has had: who was idle has saved nothing up. */
  private servedMs = 0;

  /**
   * Builds a graph and measures it.
   * @param bytes the file; its memory moves to the thread and comes back with the graph
   * @throws ArtifactCorrupt where the digest is another one, or the runtime cannot read it; ModelUnavailable
   */
  async load(
    bytes: Uint8Array,
    source: GraphSource,
  ): Promise<{ session: GraphSession; loaded: LoadedGraph }> {
    const graph = new Graph(++this.lastGraph, source);
    const loaded = await new Promise<LoadedGraph>((resolve, reject) => {
      graph.loading = { bytes: movable(bytes), resolve, reject };
      this.wake(graph);
    });
    graph.cost = loaded.cost;
    const session: GraphSession = {
      run: (feeds, fetches) => this.run(graph, feeds, fetches),
      release: async () => {
        this.waiting.delete(graph);
        graph.fail(new ModelRunError('the model has been released'));
        if (graph.home === this.worker)
          this.worker?.postMessage({ type: 'release', graph: graph.id } satisfies Request);
      },
    };
    return { session, loaded };
  }

  /** Ahead of the first graph, which would wait for its modules. */
  start(): void {
    this.running();
  }

  async close(): Promise<void> {
    await this.worker?.terminate();
  }

  /** In pieces, where it would keep other models waiting for long. */
  private async run(
    graph: Graph,
    feeds: Record<string, Tensor>,
    fetches: readonly string[],
  ): Promise<Record<string, OutputTensor>> {
    const tensors = toSent(feeds);
    const parts = splitRows(tensors, piecesOf(rowsOf(tensors), graph.rowsOfTurn));
    const answers = parts.map(
      (part) =>
        new Promise<readonly SentTensor[]>((resolve, reject) => {
          graph.add({ tensors: part, rows: rowsOf(part), fetches, resolve, reject });
        }),
    );
    this.wake(graph);
    const outputs = joinRows(await Promise.all(answers));
    return Object.fromEntries(outputs.map((output) => [output.name, output]));
  }

  private wake(graph: Graph): void {
    if (!this.waiting.has(graph)) graph.servedMs = Math.max(graph.servedMs, this.servedMs);
    this.waiting.add(graph);
    if (!this.isWorking) void this.work();
  }

  private async work(): Promise<void> {
    this.isWorking = true;
    const turns: { ended: Promise<void>; expectedMs: number }[] = [];
    const aheadMs = () => turns.reduce((sum, { expectedMs }) => sum + expectedMs, 0);
    for (let graph = this.next(); graph ?? turns.length > 0; graph = this.next()) {
      if (!graph || (turns.length >= TURNS_AHEAD && (graph.gathers || aheadMs() >= AHEAD_MS))) {
        await turns.shift()!.ended;
        continue;
      }
      this.servedMs = graph.servedMs;
      const isBuilding = graph.home === undefined || graph.home !== this.worker;
      const ended = this.serve(graph);
      // What it is expected to take counts as soon as it is on its way.
      turns.push({ ended, expectedMs: graph.servedMs - this.servedMs });
      if (isBuilding) await Promise.all(turns.splice(0).map((turn) => turn.ended));
      if (graph.isEmpty && !graph.loading) this.waiting.delete(graph);
    }
    this.isWorking = false;
    // The process ends without waiting for a thread that nobody waits for.
    this.worker?.unref();
  }

  private next(): Graph | undefined {
    let next: Graph | undefined;
    for (const graph of this.waiting) if (!next || graph.servedMs < next.servedMs) next = graph;
    return next;
  }

  private async serve(graph: Graph): Promise<void> {
    try {
      // A thread that ended has taken its graphs with it.
      if (graph.home === undefined || graph.home !== this.worker) await this.build(graph);
      else await this.runBatch(graph);
    } catch (error) {
      graph.loading?.reject(error as Error);
      graph.loading = undefined;
      graph.fail(error as Error);
    }
  }

  private async build(graph: Graph): Promise<void> {
    const { sha256, probe } = graph.source;
    const bytes = graph.loading?.bytes ?? movable(await graph.source.read());
    const start = performance.now();
    const reply = await this.ask({ type: 'load', graph: graph.id, bytes, sha256, probe }, [bytes.buffer]);
    if (reply.type === 'refused')
      throw new ArtifactCorrupt(`the artifact has the SHA-256 ${reply.digest}, not ${sha256}`);
    if (reply.type !== 'loaded') {
      const cause = reply.type === 'failed' ? reply.error : undefined;
      throw new ArtifactCorrupt('the artifact is not an ONNX graph that the runtime can read', { cause });
    }
    graph.home = this.worker;
    graph.servedMs += performance.now() - start;
    graph.loading?.resolve(reply.loaded);
    graph.loading = undefined;
  }

  private async runBatch(graph: Graph): Promise<void> {
    const batch = graph.take();
    const expectedMs = graph.expectedMs(batch);
    graph.servedMs += expectedMs;
    try {
      const requests = batch.map(({ tensors }) => tensors);
      const { fetches } = batch[0]!;
      const reply = await this.ask({ type: 'run', graph: graph.id, requests, fetches });
      if (reply.type !== 'ran') throw new Error(`unexpected ${reply.type}`);
      graph.servedMs += reply.tookMs - expectedMs;
      batch.forEach(({ resolve, reject }, at) => {
        const outcome = reply.outcomes[at]!;
        if ('error' in outcome) reject(new ModelRunError(outcome.error));
        else resolve(outcome.outputs);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error as Error);
      throw error;
    }
  }

  private ask(request: Request, moved: ArrayBufferLike[] = []): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const worker = this.running();
      this.replies.push({ resolve, reject });
      worker.ref();
      worker.postMessage(request, moved as ArrayBuffer[]);
    });
  }

  private running(): Worker {
    if (this.worker) return this.worker;
    const worker = new Worker(entryFile());
    worker.on('message', (reply: Reply) => this.replies.shift()?.resolve(reply));
    worker.on('error', () => undefined);
    worker.on('exit', () => {
      if (this.worker !== worker) return;
      this.worker = undefined;
      for (const { reject } of this.replies.splice(0))
        reject(new ModelUnavailable('the thread of the model ended', 1));
    });
    worker.unref();
    this.worker = worker;
    return worker;
  }
}

/** Memory that others hold parts of cannot move. */
function movable(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : Uint8Array.from(bytes);
}

function piecesOf(rows: number, most: number): number[] {
  const pieces = Array<number>(Math.floor(rows / most)).fill(most);
  return rows % most > 0 ? [...pieces, rows % most] : pieces;
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
