import { createHash } from 'node:crypto';
import { InferenceSession, type Tensor } from 'onnxruntime-node';
import { ArtifactCorrupt, ModelOutputError, ModelRunError, SignatureMismatch } from './errors.js';
import type { ClassificationOutput, Label } from './signature-definition.js';
import type { Signature } from './signature.js';

export interface Predictions {
  /** One a row: the predicted class, or the value of a regression. */
  readonly predictions: Label[];
  /** Classification: one array a row, in the order of the signature's labels. */
  readonly probabilities?: number[][];
  /** Classification: the probability of the predicted class, one a row. */
  readonly confidences?: number[];
  readonly warnings: string[];
}

/** A loaded ONNX graph with the signature that feeds it. */
export class OnnxModel {
  private readonly fetches: readonly string[];
  /** Runs that have been asked for and have not ended: the runtime starts each on a later turn of the event loop. */
  private readonly running = new Set<Promise<unknown>>();
  private isReleased = false;

  private constructor(
    private readonly session: InferenceSession,
    readonly signature: Signature,
    /** Of the artifact, in bytes; the session itself takes a small multiple of it. */
    readonly sizeBytes: number,
  ) {
    const { output } = signature.definition;
    this.fetches =
      output.type === 'classification'
        ? [output.label_tensor, output.probabilities_tensor]
        : [output.value_tensor];
  }

  /**
   * Loads an artifact. Blocks the event loop while the graph is built: milliseconds for a linear model, more for
   * a large forest.
   * @param sha256 lower-case hex digest that the bytes must have
   * @throws ArtifactCorrupt, SignatureMismatch
   */
  static async load(
    bytes: Uint8Array,
    signature: Signature,
    { sha256 }: { sha256: string },
  ): Promise<OnnxModel> {
    // Of 9,112 files with one flipped byte 1,425 loaded and ran: only the digest tells.
    const actual = createHash('sha256').update(bytes).digest('hex');
    if (actual !== sha256) throw new ArtifactCorrupt(`the artifact has the SHA-256 ${actual}, not ${sha256}`);
    let session: InferenceSession;
    try {
      // From memory, never by path: a graph by path may name any file beside it as its weights.
      session = await InferenceSession.create(bytes, {
        executionProviders: ['cpu'],
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        intraOpNumThreads: 1,
        interOpNumThreads: 1,
        logSeverityLevel: 3,
      });
    } catch (cause) {
      throw new ArtifactCorrupt('the artifact is not an ONNX graph that the runtime can read', { cause });
    }
    try {
      checkTensors(session, signature);
      return new OnnxModel(session, signature, bytes.byteLength);
    } catch (error) {
      await session.release();
      throw error;
    }
  }

  /**
   * Scores rows of features. Runs on the calling thread: large batches belong in a worker thread.
   * @param rows JSON objects, one a row
   * @throws FeatureErrors, ModelRunError, ModelOutputError
   */
  async predict(rows: readonly unknown[]): Promise<Predictions> {
    const { feeds, warnings } = this.signature.encode(rows);
    const outputs = await this.run(feeds);
    const { output } = this.signature.definition;
    if (output.type === 'classification') {
      return { ...readClasses(outputs, output, rows.length), warnings };
    }
    return { predictions: readValues(outputs[output.value_tensor]!, rows.length), warnings };
  }

  /** Frees the native memory once the predictions under way have ended; later ones get a `ModelRunError`. */
  async release(): Promise<void> {
    if (this.isReleased) return;
    this.isReleased = true;
    await Promise.allSettled(this.running);
    await this.session.release();
  }

  private async run(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
    if (this.isReleased) throw new ModelRunError('the model has been released');
    const run = this.session.run(feeds, this.fetches);
    this.running.add(run);
    try {
      return (await run) as Record<string, Tensor>;
    } catch (cause) {
      throw new ModelRunError('the model failed on this input', { cause });
    } finally {
      this.running.delete(run);
    }
  }
}

function readClasses(
  outputs: Record<string, Tensor>,
  { labels, label_tensor, probabilities_tensor }: ClassificationOutput,
  rows: number,
): { predictions: Label[]; probabilities: number[][]; confidences: number[] } {
  const indexes = outputs[label_tensor]!.data as BigInt64Array;
  const flat = outputs[probabilities_tensor]!.data as Float32Array;
  checkLength(label_tensor, indexes.length, rows);
  checkLength(probabilities_tensor, flat.length, rows * labels.length);
  const predictions = new Array<Label>(rows);
  const probabilities = new Array<number[]>(rows);
  const confidences = new Array<number>(rows);
  for (let row = 0; row < rows; row++) {
    const index = Number(indexes[row]);
    const label = labels[index];
    if (label === undefined) {
      throw new ModelOutputError(
        `the model predicted class ${index} in row ${row}, but it has ${labels.length}`,
      );
    }
    const ofRow = new Array<number>(labels.length);
    for (let at = 0; at < labels.length; at++) {
      ofRow[at] = checkFinite(flat[row * labels.length + at]!, 'probability', row);
    }
    predictions[row] = label;
    probabilities[row] = ofRow;
    confidences[row] = ofRow[index]!;
  }
  return { predictions, probabilities, confidences };
}

function readValues(tensor: Tensor, rows: number): number[] {
  const values = tensor.data as Float32Array;
  checkLength('value', values.length, rows);
  return Array.from(values, (value, row) => checkFinite(value, 'value', row));
}

function checkFinite(value: number, what: string, row: number): number {
  if (!Number.isFinite(value)) throw new ModelOutputError(`the model's ${what} in row ${row} is ${value}`);
  return value;
}

function checkLength(tensor: string, actual: number, expected: number): void {
  if (actual !== expected) {
    throw new ModelOutputError(`the model's output '${tensor}' has ${actual} values instead of ${expected}`);
  }
}

function checkTensors(session: InferenceSession, { definition }: Signature): void {
  const graphInputs = new Map(session.inputMetadata.map((input) => [input.name, input]));
  for (const { name, tensor, dtype } of definition.inputs) {
    checkTensor('input', tensor, dtype, graphInputs.get(tensor), ` for the feature '${name}'`);
    graphInputs.delete(tensor);
  }
  for (const tensor of graphInputs.keys()) {
    throw new SignatureMismatch(`the graph has the input '${tensor}', which the signature does not feed`);
  }
  const graphOutputs = new Map(session.outputMetadata.map((output) => [output.name, output]));
  const { output } = definition;
  const expected =
    output.type === 'classification'
      ? [
          { tensor: output.label_tensor, type: 'int64' },
          { tensor: output.probabilities_tensor, type: 'float32', width: output.labels.length },
        ]
      : [{ tensor: output.value_tensor, type: 'float32' }];
  for (const { tensor, type, width } of expected) {
    checkTensor('output', tensor, type, graphOutputs.get(tensor), '', width);
  }
}

function checkTensor(
  role: 'input' | 'output',
  tensor: string,
  type: string,
  found: InferenceSession.ValueMetadata | undefined,
  why: string,
  width = role === 'input' ? 1 : undefined,
): void {
  const fault = (reason: string) => new SignatureMismatch(`the graph's ${role} '${tensor}'${why} ${reason}`);
  if (!found) throw fault('does not exist');
  if (!found.isTensor || found.type !== type) {
    throw fault(`has the type ${found.isTensor ? found.type : 'non-tensor'} instead of ${type}`);
  }
  // A dimension that is fixed only at run time has a name, or -1.
  const last = found.shape.at(-1);
  if (width !== undefined && typeof last === 'number' && last >= 0 && last !== width) {
    throw fault(`is ${last} wide instead of ${width}`);
  }
}
