import { GraphRefused, ModelUnavailable } from '../errors.js';
import type { ScannedGraph } from '../gate/scan.js';
import type { GraphSession } from '../graph-session.js';
import { OnnxModel } from '../onnx-model.js';
import type { SignatureDefinition } from '../signature-definition.js';
import { compileSignature } from '../signature.js';
import { HostProcess, type ModelFile } from './host-process.js';
import { HostedGraph } from './hosted-graph.js';
import { tryModel } from './trial.js';

export interface ModelHostsOptions {
  /** Processes at a time, of models that answer and of files that are tried together. */
  readonly maxProcesses: number;
  readonly memoryBytes: number;
  readonly loadTimeoutMs: number;
  readonly runTimeoutMs: number;
  /** A process that nobody asked for this long ends. */
  readonly idleMs: number;
  /** A process died or was killed; for the log. */
  readonly onFailure: (error: ModelUnavailable, file: ModelFile) => void;
}

/** Runs models made elsewhere: each in a process of its own, with limits, and at most so many at a time. */
export class ModelHosts {
  private readonly graphs = new Set<HostedGraph>();
  private trials = 0;
  private isClosed = false;

  constructor(readonly options: ModelHostsOptions) {}

  /**
   * The gate: scans a file, loads it and runs it on made-up rows, all in a process that ends with this.
   * @param complete what the graph says, to a signature that feeds it
   * @param example a row to try beside the made-up ones
   * @throws GraphRefused, ModelUnavailable where there is no room, and whatever `complete` throws
   */
  async examine(
    file: ModelFile,
    complete: (graph: ScannedGraph) => SignatureDefinition,
    example?: Record<string, unknown>,
  ): Promise<SignatureDefinition> {
    this.makeRoom();
    this.trials++;
    let host: HostProcess | undefined;
    try {
      const { memoryBytes, loadTimeoutMs, runTimeoutMs } = this.options;
      const cpuSeconds = Math.ceil((2 * loadTimeoutMs + runTimeoutMs) / 1000);
      host = await HostProcess.start(file, { memoryBytes, loadTimeoutMs, runTimeoutMs, cpuSeconds });
      const definition = complete(host.graph);
      await host.load(definition);
      const running = host;
      const session: GraphSession = {
        run: (feeds, fetches) => running.run(feeds, fetches, MAX_TRIAL_VALUES),
        release: () => running.stop(),
      };
      await tryModel(new OnnxModel(session, compileSignature(definition), file.sizeBytes), example);
      return definition;
    } catch (error) {
      // The process ended or hung: here that is the file's fault.
      if (error instanceof ModelUnavailable) {
        this.options.onFailure(error, file);
        throw new GraphRefused(`trying the model failed: ${error.message}`, { cause: error });
      }
      throw error;
    } finally {
      this.trials--;
      await host?.stop();
    }
  }

  /** A model that starts its process when it is asked, and again when that one has ended. */
  open(file: ModelFile, definition: SignatureDefinition): OnnxModel {
    const graph = new HostedGraph(file, definition, this.options, {
      makeRoom: () => this.makeRoom(),
      released: () => this.graphs.delete(graph),
    });
    this.graphs.add(graph);
    return new OnnxModel(graph, compileSignature(definition), file.sizeBytes);
  }

  /** Process ids of the models that run now. */
  get processIds(): number[] {
    return [...this.graphs].flatMap(({ pid }) => pid ?? []);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all([...this.graphs].map((graph) => graph.release()));
  }

  /** Ends the process that has been idle longest where there are as many as there may be. */
  private makeRoom(): void {
    if (this.isClosed) throw new ModelUnavailable('the service is stopping', 1);
    const running = [...this.graphs].filter(({ isRunning }) => isRunning);
    if (running.length + this.trials < this.options.maxProcesses) return;
    const [idle] = running.filter(({ isBusy }) => !isBusy).sort((a, b) => a.lastUsed - b.lastUsed);
    if (!idle) {
      throw new ModelUnavailable(
        `all ${this.options.maxProcesses} processes for uploaded models are busy`,
        1,
      );
    }
    idle.rest();
  }
}

const MAX_TRIAL_VALUES = 1_000_000;
