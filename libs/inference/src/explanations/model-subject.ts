import { readProbabilities } from '../answers.js';
import { ModelOutputError } from '../errors.js';
import type { OutputTensor } from '../graph-session.js';
import type { OnnxModel } from '../onnx-model.js';
import type { SignatureDefinition } from '../signature-definition.js';
import type { EncodedRows } from '../signature.js';
import { Mixtures } from './mixtures.js';
import type { Block, Subject } from './subject.js';

/** The most rows of one run: few, so that other runs of the thread, or other requests, have their turn soon. */
export const MIXTURES_AT_ONCE = 250;
/** The most values of one run: copying them takes the time of this thread. */
const VALUES_AT_ONCE = 2 ** 18;

/** A loaded model. Rows are mixed as its tensors, so that each is encoded only once. */
export class ModelSubject implements Subject<EncodedRows> {
  private readonly mixtures: Mixtures;
  private readonly capacity: number;

  private constructor(
    private readonly model: OnnxModel,
    readonly backgroundRows: number,
    background: EncodedRows,
    private readonly answers: Record<string, OutputTensor>,
  ) {
    const { definition, part } = model.signature;
    this.mixtures = new Mixtures(definition, part, background);
    this.capacity = Math.min(MIXTURES_AT_ONCE, this.mixtures.rowsWithin(VALUES_AT_ONCE));
  }

  /**
   * @param background rows of features as `predict` takes them, at least one
   * @throws FeatureErrors, ModelRunError, ModelOutputError
   */
  static async open(model: OnnxModel, background: readonly unknown[]): Promise<ModelSubject> {
    const encoded = model.signature.encode(background);
    const answers = await model.run(encoded.feeds, background.length);
    return new ModelSubject(model, background.length, encoded, answers);
  }

  get output(): SignatureDefinition['output'] {
    return this.model.signature.definition.output;
  }

  get features(): number {
    return this.model.signature.definition.inputs.length;
  }

  encode(row: unknown): EncodedRows {
    return this.model.signature.encode([row]);
  }

  bytesOf({ feeds }: EncodedRows): (Uint8Array | string)[] {
    return Object.values(feeds).map(({ data }) =>
      Array.isArray(data) ? JSON.stringify(data) : (data as Uint8Array),
    );
  }

  differences(row: EncodedRows, backgroundRow: number): Int32Array {
    return this.mixtures.differences(row, backgroundRow);
  }

  backgroundAnswers(index: number): Float64Array {
    return readAnswers(this.answers, this.output, index, this.backgroundRows);
  }

  startBlock(row: EncodedRows): Block {
    const { model, output } = this;
    const block = this.mixtures.startBlock(row, this.capacity);
    return {
      get count() {
        return block.count;
      },
      get isFull() {
        return block.isFull;
      },
      add: (backgroundRow, coalition) => block.add(backgroundRow, coalition),
      score: async (index) => {
        const { count } = block;
        return readAnswers(await model.run(block.take(), count), output, index, count);
      },
    };
  }
}

/** Reads the value of each row, or its probability of the class with this index. */
function readAnswers(
  outputs: Record<string, OutputTensor>,
  output: SignatureDefinition['output'],
  index: number,
  rows: number,
): Float64Array {
  const isClassification = output.type === 'classification';
  const name = isClassification ? output.probabilities_tensor! : output.value_tensor;
  if (isClassification && output.probabilities === 'logits') {
    return Float64Array.from(readProbabilities(outputs[name], output, rows), (ofRow) => ofRow[index]!);
  }
  const offset = isClassification ? 0 : (output.offset ?? 0);
  const flat = outputs[name]!.data as ArrayLike<number>;
  const width = flat.length / rows;
  // Where there is one column, it is the probability of the second of two classes.
  const isOne = isClassification && width === 1;
  return Float64Array.from({ length: rows }, (_, row) => {
    const found = flat[row * width + (isOne ? 0 : index)]!;
    if (!Number.isFinite(found))
      throw new ModelOutputError(
        'not_finite',
        `the output '${name}' is NaN or infinite for a mixture of rows`,
      );
    return isOne && index === 0 ? 1 - found : found + offset;
  });
}
