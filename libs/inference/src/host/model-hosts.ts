import { GraphRefused, ModelUnavailable } from '../errors.js';
import type { ScannedGraph } from '../gate/scan.js';
import type { GraphSession } from '../graph-session.js';
import { OnnxModel } from '../onnx-model.js';
import type { SignatureDefinition } from '../signature-definition.js';
import { compileSignature } from '../signature.js';
import { HostProcess, type ModelFile } from './host-process.js';
import { HostedGraph, type HostedGraphOptions } from './hosted-graph.js';
import { tryModel } from './trial.js';

export type ModelHostsOptions = HostedGraphOptions;

/** Runs uploaded models, each in a process of its own with limits. */
export class ModelHosts {
  private readonly graphs = new Set<HostedGraph>();
  private isClosed = false;

  constructor(readonly options: ModelHostsOptions) {}

  /**
   * The gate: scans a file, loads it and runs it on made-up rows, in a process that has ended when this returns.
   * @param owner whose process it is
   * @param complete makes the signature from what the scan has found in the graph
   * @param example a row that is tried beside the made-up ones
   * @throws GraphRefused, ModelUnavailable where there is no room, and whatever `complete` throws
   */
  async examine(
    owner: string,
    file: ModelFile,
    complete: (graph: ScannedGraph) => SignatureDefinition,
    example?: Record<string, unknown>,
  ): Promise<SignatureDefinition> {
    this.refuseClosed();
    const leave = await this.options.places.take(owner, { pending: 1, lastUsed: performance.now() });
    let host: HostProcess | undefined;
    try {
      const { launcher, memoryBytes, loadTimeoutMs, runTimeoutMs } = this.options;
      const cpuSeconds = Math.ceil((2 * loadTimeoutMs + runTimeoutMs) / 1000);
      host = await HostProcess.start(file, {
        launcher,
        memoryBytes,
        loadTimeoutMs,
        runTimeoutMs,
        cpuSeconds,
      });
      const definition = complete(host.graph);
      await host.load(definition);
      const running = host;
      const session: GraphSession = {
        run: (feeds, fetches) => running.run(feeds, fetches, MAX_TRIAL_VALUES),
        release: () => running.stop(),
      };
      await tryModel(uploadedModel(session, definition, file), example, runTimeoutMs / 4);
      return definition;
    } catch (error) {
      // A process that ends or hangs while it tries a file does so for the fault of the file.
      if (error instanceof ModelUnavailable) {
        this.options.onFailure(error, file);
        throw new GraphRefused(`trying the model failed: ${error.message}`, { cause: error });
      }
      throw error;
    } finally {
      await host?.stop();
      leave();
    }
  }

  /**
   * Opens a model whose process is started by the first request, and again when it has ended.
   * @param owner whose process it is
   * @throws ModelUnavailable after `close`
   */
  open(owner: string, file: ModelFile, definition: SignatureDefinition): OnnxModel {
    this.refuseClosed();
    const graph = new HostedGraph(owner, file, definition, this.options, () => this.graphs.delete(graph));
    this.graphs.add(graph);
    return uploadedModel(graph, definition, file);
  }

  /** The ids of the processes that take requests for models now. */
  get processIds(): number[] {
    return [...this.graphs].flatMap(({ pid }) => pid ?? []);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all([...this.graphs].map((graph) => graph.release()));
  }

  private refuseClosed(): void {
    if (this.isClosed) throw new ModelUnavailable('the service is stopping', 1);
  }
}

function uploadedModel(graph: GraphSession, definition: SignatureDefinition, file: ModelFile): OnnxModel {
  return new OnnxModel(graph, compileSignature(definition), file.sizeBytes, undefined, true);
}

const MAX_TRIAL_VALUES = 1_000_000;
