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

/** Where the bytes of a graph come from, and which runs measure it. */
export interface GraphSource {
  /** The lower-case hex SHA-256 that the bytes must have. */
  readonly sha256: string;
  readonly probe: Probe;
  /** Reads the bytes again: a graph is built anew when the thread that held it has ended. */
  read(): Promise<Uint8Array>;
}

/** The thread always has one turn that runs and one that it can begin as soon as that ends. */
const TURNS_AHEAD = 2;
/**
 * Short turns are sent ahead until they last for this long together. A busy main thread may take as long to answer,
 * and the thread would stand idle meanwhile. Requests that gain from being run together are not sent ahead: the longer
 * they wait here, the more of them share a run.
 */
const AHEAD_MS = 50;

class Graph extends GraphQueue {
  /** The thread that has built this graph; a thread that has ended holds it no longer. */
  home?: Worker;
  loading?: { bytes: Uint8Array; resolve: (loaded: LoadedGraph) => void; reject: (error: Error) => void };

  constructor(
    readonly id: number,
    readonly source: GraphSource,
  ) {
    super();
  }

  override fail(error: Error): void {
    this.loading?.reject(error);
    this.loading = undefined;
    super.fail(error);
  }
}

/**
 * One thread for work that would block the caller's thread: building graphs, and long runs. It is started by `start`,
 * or by the first work. The graph that has had least of its time is served next, and requests wait here until then, so
 * that a model with many requests does not keep the others waiting.
 */
export class GraphThread {
  private worker?: Worker;
  /** Who waits for the thread's replies: it answers in the order in which it was asked. */
  private readonly replies: { resolve(reply: Reply): void; reject(error: Error): void }[] = [];
  private readonly waiting = new Set<Graph>();
  private isWorking = false;
  private isEnding = false;
  private lastGraph = 0;
  /** The time that the graph served last has had. An idle graph starts from it, so that idling saves nothing up. */
  private servedMs = 0;

  /**
   * Builds a graph and measures what a run of it takes.
   * @param bytes the file; its memory moves to the thread and comes back with the graph
   * @throws ArtifactCorrupt where the file has another digest or the runtime cannot read it; ModelUnavailable where the
   * thread ended
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

  /** Starts the thread before there is work, so that the first graph does not wait until its modules are loaded. */
  start(): void {
    this.running();
  }

  /**
   * Fails what waits, and ends the thread after the turns that it has been given. To terminate it in the middle of a run
   * would abort the whole process, since the runtime throws into an environment that is gone.
   */
  async close(): Promise<void> {
    const { worker } = this;
    for (const graph of this.waiting) graph.fail(threadEnded());
    this.waiting.clear();
    if (!worker) return;
    const gone = new Promise((resolve) => worker.once('exit', resolve));
    this.isEnding = true;
    worker.ref();
    worker.postMessage({ type: 'end' } satisfies Request);
    await gone;
    this.isEnding = false;
  }

  /** Runs a request, cut into pieces where it would keep other models waiting for long. */
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
      // `serve` has counted what the turn is expected to take before it returned.
      turns.push({ ended, expectedMs: graph.servedMs - this.servedMs });
      if (isBuilding) await Promise.all(turns.splice(0).map((turn) => turn.ended));
      if (graph.isEmpty && !graph.loading) this.waiting.delete(graph);
    }
    this.isWorking = false;
    // An idle thread must not keep the process from ending; one that ends is waited for.
    if (!this.isEnding) this.worker?.unref();
  }

  private next(): Graph | undefined {
    let next: Graph | undefined;
    for (const graph of this.waiting) if (!next || graph.servedMs < next.servedMs) next = graph;
    return next;
  }

  private async serve(graph: Graph): Promise<void> {
    try {
      // A thread that ended has taken its graphs with it, so that they are built again on the next one.
      if (graph.home === undefined || graph.home !== this.worker) await this.build(graph);
      else await this.runBatch(graph);
    } catch (error) {
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
      for (const { reject } of this.replies.splice(0)) reject(threadEnded());
    });
    worker.unref();
    this.worker = worker;
    return worker;
  }
}

function threadEnded(): ModelUnavailable {
  return new ModelUnavailable('the thread of the model ended', 1);
}

/** The bytes in memory of their own: a buffer that also holds something else cannot be moved to the thread. */
function movable(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : Uint8Array.from(bytes);
}

function piecesOf(rows: number, most: number): number[] {
  const pieces = Array<number>(Math.floor(rows / most)).fill(most);
  return rows % most > 0 ? [...pieces, rows % most] : pieces;
}

/** The compiled entry of the thread, also where this file runs uncompiled in tests: a thread has no compiler. */
function entryFile(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    if (dirname(folder) === folder) throw new Error(`no package.json above ${import.meta.dirname}`);
    folder = dirname(folder);
  }
  return join(folder, 'dist/libs/inference/src/thread/entry.js');
}
