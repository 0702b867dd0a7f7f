import type { Tensor } from 'onnxruntime-node';
import { checkAnswers, type Predictions, readAnswers } from './answers.js';
import { InferenceError, ModelRunError } from './errors.js';
import type { GraphSession, OutputTensor } from './graph-session.js';
import { LocalGraph } from './local-graph.js';
import { checkTensors, openGraph } from './open-graph.js';
import { isRowByRow } from './row-by-row.js';
import { isSoonerTogether, QUICK_BUILD_MS, type RunCost } from './run-cost.js';
import { inputTensors, type SignatureDefinition } from './signature-definition.js';
import type { EncodedRows, Signature } from './signature.js';
import type { GraphThread } from './thread/graph-thread.js';

/** A run that takes longer does not happen on the thread that answers requests, which it would block. */
const MAX_BLOCKING_MS = 5;
/**
 * The same bound where other requests wait for that thread. It is not lower, because handing a run to another thread,
 * and its answer back, takes up to a millisecond itself.
 */
const MAX_BLOCKING_OTHERS_MS = 1;
/**
 * Only runs this short are gathered. Longer ones gain little by it, and the gathered runs of all models happen at the
 * end of the same turn of the event loop, one after the other.
 */
const MAX_GATHERED_MS = 0.25;
/** At most so many requests share a run; more gain nothing. */
const MAX_REQUESTS_OF_A_RUN = 64;

/** The thread on which a model is built, and does its long runs, so that they do not block the calling thread. */
export interface OffThread {
  readonly thread: GraphThread;
  /** Rows of the largest request that the model will get. */
  readonly mostRows: number;
  /** Reads the artifact again: its bytes move to the thread, which may lose them. */
  read(): Promise<Uint8Array>;
}

/** What is known of a graph that runs on the calling thread. */
interface RunsHere {
  readonly cost: RunCost;
  /** Whether rows have the same answers alone and among others. */
  readonly isRowByRow: boolean;
  /** The same graph on the other thread, for runs that are too long for this one; absent where none is. */
  readonly longRuns?: GraphSession;
}

/** A request that is scored at the end of a turn of the event loop. */
interface GatheredRequest {
  readonly rows: readonly unknown[];
  resolve(predictions: Predictions): void;
  reject(error: Error): void;
}

/** A loaded ONNX graph with the signature that feeds it. */
export class OnnxModel {
  private readonly fetches: readonly string[];
  /** Runs, and works of `keepFor`, that have not ended; `release` waits for them. */
  private readonly running = new Set<Promise<unknown>>();
  private readonly gathered: GatheredRequest[] = [];
  private isReleased = false;
  /** How many works of `keepFor` are under way: they may go on running the model after `release` was called. */
  private kept = 0;

  /** @param session the graph, already checked against the signature */
  constructor(
    private readonly session: GraphSession,
    readonly signature: Signature,
    /** Size of the artifact in bytes, once for each thread that has it; a session takes a small multiple of it. */
    readonly sizeBytes: number,
    /** Absent where the graph does not run on this thread, or where nothing was measured. */
    private readonly here?: RunsHere,
    /** Whether answers are held to the signature, which nothing but a trial has proven. */
    private readonly isUploaded = false,
  ) {
    this.fetches = fetchesOf(signature.definition);
  }

  /**
   * Loads an artifact into this process. Given another thread, the graph is built and measured there first. It is built
   * once more on this thread where neither that nor its shortest run would block it for long; runs and whole models
   * that would are left to the other thread.
   * @param bytes they are moved to the other thread, so that the caller can no longer read them
   * @param sha256 lower-case hex digest that the bytes must have
   * @throws ArtifactCorrupt, SignatureMismatch, ModelUnavailable where the thread has ended
   */
  static async load(
    bytes: Uint8Array,
    signature: Signature,
    { sha256 }: { readonly sha256: string },
    off?: OffThread,
  ): Promise<OnnxModel> {
    const { definition, part } = signature;
    const size = bytes.byteLength;
    if (!off) return new OnnxModel(await openGraph(bytes, definition, sha256, part), signature, size);
    const probe = { tensors: inputTensors(definition, part), fetches: fetchesOf(definition) };
    const { session: there, loaded } = await off.thread.load(bytes, {
      sha256,
      probe,
      read: () => off.read(),
    });
    const { cost, buildMs } = loaded;
    try {
      checkTensors(loaded, definition, part);
      if (durationMs(cost, 1) > MAX_BLOCKING_MS || buildMs > QUICK_BUILD_MS)
        return new OnnxModel(there, signature, size);
      const graph = new LocalGraph(loaded.bytes);
      const here = { cost, isRowByRow: isRowByRow(loaded.bytes) };
      if (durationMs(cost, off.mostRows) > MAX_BLOCKING_OTHERS_MS)
        return new OnnxModel(graph, signature, 2 * size, { ...here, longRuns: there });
      await there.release();
      return new OnnxModel(graph, signature, size, here);
    } catch (error) {
      await there.release();
      throw error;
    }
  }

  /**
   * Scores rows of features.
   * @param rows JSON objects, one a row
   * @throws FeatureErrors, ModelRunError, ModelOutputError; ModelUnavailable where the graph runs in another process
   */
  async predict(rows: readonly unknown[]): Promise<Predictions> {
    const { signature } = this;
    if (signature.isShort(rows.length)) return this.runEncoded(signature.encode(rows), rows.length);
    return this.keepFor(async () => this.runEncoded(await signature.encodeInTurns(rows), rows.length));
  }

  private async runEncoded({ feeds, warnings }: EncodedRows, rows: number): Promise<Predictions> {
    return this.read(await this.run(feeds, rows), rows, warnings);
  }

  /**
   * Whether scoring so many rows takes so little time that it happens on this thread.
   * @param isAlone whether no other request waits for this thread
   */
  isQuick(rows: number, isAlone = true): boolean {
    if (this.session.runNow === undefined || !this.signature.isShort(rows)) return false;
    return this.sessionFor(rows, isAlone) === this.session;
  }

  /** Like `predict`, for a number of rows for which `isQuick` holds: blocks the calling thread until it has the answer. */
  predictNow(rows: readonly unknown[]): Predictions {
    const { feeds, warnings } = this.signature.encode(rows);
    return this.read(this.runNow(feeds), rows.length, warnings);
  }

  private runNow(feeds: Record<string, Tensor>): Record<string, OutputTensor> {
    if (this.isReleased) throw new ModelRunError('the model has been released');
    try {
      return this.session.runNow!(feeds, this.fetches);
    } catch (cause) {
      throw new ModelRunError('the model failed on this input', { cause });
    }
  }

  /** Whether requests of so many rows are better scored with others of the same turn of the event loop. */
  gathers(rows: number): boolean {
    if (!this.here?.isRowByRow) return false;
    const { cost } = this.here;
    return cost.firstMs <= MAX_GATHERED_MS && isSoonerTogether(cost, rows);
  }

  /** Scores rows at the end of this turn of the event loop, in one run with what is asked for until then. */
  predictGathered(rows: readonly unknown[]): Promise<Predictions> {
    return new Promise((resolve, reject) => {
      if (this.gathered.push({ rows, resolve, reject }) === 1) setImmediate(() => this.scoreGathered());
    });
  }

  private scoreGathered(): void {
    while (this.gathered.length > 0) this.scoreTogether(this.gathered.splice(0, MAX_REQUESTS_OF_A_RUN));
  }

  private scoreTogether(requests: readonly GatheredRequest[]): void {
    if (requests.length > 1) {
      try {
        const everything = requests.flatMap(({ rows }) => rows);
        const { feeds, warnings } = this.signature.encode(everything);
        // Warnings do not say whose row they are about: then each request is scored by itself below.
        if (warnings.length === 0) {
          const all = this.read(this.runNow(feeds), everything.length, []);
          let from = 0;
          for (const { rows, resolve } of requests) resolve(sliceOf(all, from, (from += rows.length)));
          return;
        }
      } catch {
        // One request is at fault. Each is scored by itself below, so that only that one is refused.
      }
    }
    for (const { rows, resolve, reject } of requests) {
      try {
        resolve(this.predictNow(rows));
      } catch (error) {
        reject(error as Error);
      }
    }
  }

  private read(outputs: Record<string, OutputTensor>, rows: number, warnings: string[]): Predictions {
    const { output } = this.signature.definition;
    const answers = readAnswers(outputs, output, rows);
    if (this.isUploaded) checkAnswers(answers, output);
    return { ...answers, warnings };
  }

  /** Frees the native memory once the predictions under way have ended; later ones get a `ModelRunError`. */
  async release(): Promise<void> {
    if (this.isReleased) return;
    this.scoreGathered();
    this.isReleased = true;
    await Promise.allSettled(this.running);
    await Promise.all([this.session.release(), this.here?.longRuns?.release()]);
  }

  private sessionFor(rows: number, isAlone: boolean): GraphSession {
    const { here } = this;
    const mostMs = isAlone ? MAX_BLOCKING_MS : MAX_BLOCKING_OTHERS_MS;
    return here?.longRuns && durationMs(here.cost, rows) > mostMs ? here.longRuns : this.session;
  }

  /** Keeps the graph until `work`, which runs it many times, has ended, even if it is released meanwhile. @throws ModelRunError */
  async keepFor<T>(work: () => Promise<T>): Promise<T> {
    if (this.isReleased) throw new ModelRunError('the model has been released');
    this.kept++;
    const done = work().finally(() => this.kept--);
    this.running.add(done);
    try {
      return await done;
    } finally {
      this.running.delete(done);
    }
  }

  /** The graph's own outputs for rows that are encoded already. @throws ModelRunError */
  async run(feeds: Record<string, Tensor>, rows: number): Promise<Record<string, OutputTensor>> {
    if (this.isReleased && this.kept === 0) throw new ModelRunError('the model has been released');
    const run = this.sessionFor(rows, false).run(feeds, this.fetches);
    this.running.add(run);
    try {
      return await run;
    } catch (cause) {
      if (cause instanceof InferenceError) throw cause;
      throw new ModelRunError('the model failed on this input', { cause });
    } finally {
      this.running.delete(run);
    }
  }
}

function sliceOf(
  { predictions, probabilities, confidences }: Predictions,
  from: number,
  to: number,
): Predictions {
  return {
    predictions: predictions.slice(from, to),
    ...(probabilities && { probabilities: probabilities.slice(from, to) }),
    ...(confidences && { confidences: confidences.slice(from, to) }),
    warnings: [],
  };
}

function fetchesOf({ output }: SignatureDefinition): string[] {
  return output.type === 'classification'
    ? [output.label_tensor, output.probabilities_tensor].filter((tensor) => tensor !== null)
    : [output.value_tensor];
}

function durationMs({ firstMs, perRowMs }: RunCost, rows: number): number {
  return firstMs + perRowMs * (rows - 1);
}
