import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Predictions, readProbabilities } from '../answers.js';
import { ModelOutputError } from '../errors.js';
import type { OutputTensor } from '../graph-session.js';
import type { OnnxModel } from '../onnx-model.js';
import type { Label, SignatureDefinition } from '../signature-definition.js';
import type { EncodedRows } from '../signature.js';
import { chooseGame, type Game, mostCoalitions } from './game.js';
import { Mixtures } from './mixtures.js';
import { randomFrom } from './random.js';

/** About how many mixtures an explanation takes; a few more for models of many features. */
const MIXTURES = 10_000;
/** The most rows of one run: few, so that other runs of the thread, or other requests, have their turn soon. */
export const MIXTURES_AT_ONCE = 250;
/** The most values of one run: copying them takes the time of this thread. */
const VALUES_AT_ONCE = 2 ** 18;

/** Why a row was answered as it was: `baseValue` and the contributions add up to the prediction. */
export interface Explanation {
  /** For a classification, the class whose probability is explained. */
  readonly label?: Label;
  /** The mean answer of the model over the background. */
  readonly baseValue: number;
  /** Shapley values, one a feature in the signature's order; in units of the probability or the value. */
  readonly contributions: Float64Array;
  /** The standard errors of the contributions that come from sampling; zeros where `isExact`. */
  readonly standardErrors: Float64Array;
  /** How many coalitions were scored, each with one background row. */
  readonly samples: number;
  readonly isExact: boolean;
}

export interface ExplainerOptions {
  /** Whether the model is known to answer with a sum of one term a feature, as a linear regression does. */
  readonly isAdditive: boolean;
  /** Tells this model from others. It seeds the sampling, so that a row of a model is always explained the same. */
  readonly identity: string;
}

export interface ExplainOptions {
  /** The class whose probability is explained, for all rows; without it, of each row the one that was predicted. */
  readonly label?: Label;
  /** Is called before every run of the model; what it throws ends the explanation. */
  readonly checkpoint?: () => void;
}

/**
 * Explains answers of a model by interventional Shapley values over a background. Each background row plays a game of
 * its own with the row: exact where the players are few or the model is additive, sampled elsewhere. As every
 * background row takes part alike, the contributions add up exactly.
 */
export class Explainer {
  private readonly mixtures: Mixtures;
  private readonly quota: number;

  private constructor(
    private readonly model: OnnxModel,
    private readonly rows: number,
    encoded: EncodedRows,
    /** The model's answers to the background. */
    private readonly answers: Record<string, OutputTensor>,
    private readonly options: ExplainerOptions,
  ) {
    const { definition, part } = model.signature;
    this.mixtures = new Mixtures(definition, part, encoded);
    this.quota = Math.floor(MIXTURES / rows);
  }

  /**
   * @param background rows of features as `predict` takes them, at least one
   * @throws FeatureErrors, ModelRunError, ModelOutputError
   */
  static async open(
    model: OnnxModel,
    background: readonly unknown[],
    options: ExplainerOptions,
  ): Promise<Explainer> {
    const encoded = model.signature.encode(background);
    const answers = await model.run(encoded.feeds, background.length);
    return new Explainer(model, background.length, encoded, answers, options);
  }

  /** The most mixtures that the explanation of one row takes. */
  get mostSamples(): number {
    const { inputs } = this.model.signature.definition;
    return this.rows * mostCoalitions(inputs.length, this.quota, this.options.isAdditive);
  }

  /**
   * Explains rows that have been predicted.
   * @param label of a classification, the class whose probability is explained, one of its labels; without it that of
   *   each row's prediction
   * @throws FeatureErrors, ModelRunError, ModelOutputError
   */
  async explain(
    rows: readonly unknown[],
    predicted: Predictions,
    { label, checkpoint }: ExplainOptions = {},
  ): Promise<Explanation[]> {
    const explanations: Explanation[] = [];
    for (const [at, row] of rows.entries()) {
      const encoded = this.model.signature.encode([row]);
      explanations.push(await this.explainRow(encoded, predicted, at, label, checkpoint));
    }
    return explanations;
  }

  private async explainRow(
    row: EncodedRows,
    predicted: Predictions,
    at: number,
    label = predicted.predictions[at]!,
    checkpoint?: () => void,
  ): Promise<Explanation> {
    const { definition } = this.model.signature;
    const { output, inputs } = definition;
    const index = output.type === 'classification' ? output.labels.indexOf(label) : 0;
    const all = output.type === 'classification' ? predicted.probabilities![at]![index]! : Number(label);
    const none = readAnswers(this.answers, definition, index, this.rows);

    const random = randomFrom(this.seedOf(row));
    const games = Array.from(none, (_, background) =>
      chooseGame(this.mixtures.differences(row, background), this.quota, this.options.isAdditive, random),
    );
    // The background row equals the row here, but a model may answer a row alone and among others with different last
    // bits, and there is no feature that could explain the difference.
    for (const [background, { players }] of games.entries()) if (players.length === 0) none[background] = all;
    const worths = await this.score(row, games, index, checkpoint);

    const contributions = new Float64Array(inputs.length);
    const variances = new Float64Array(inputs.length);
    let from = 0;
    for (const [background, game] of games.entries()) {
      const outcome = game.settle(worths.subarray(from, (from += game.size)), none[background]!, all);
      game.players.forEach((feature, player) => {
        contributions[feature]! += outcome.contributions[player]! / this.rows;
        variances[feature]! += outcome.variances[player]! / this.rows ** 2;
      });
    }
    return {
      ...(output.type === 'classification' && { label }),
      baseValue: none.reduce((sum, value) => sum + value, 0) / this.rows,
      contributions,
      standardErrors: variances.map(Math.sqrt),
      samples: worths.length,
      isExact: games.every(({ isExact }) => isExact),
    };
  }

  /** Scores every coalition of every game, block by block; the model's answers are in the order of the games. */
  private async score(
    row: EncodedRows,
    games: readonly Game[],
    index: number,
    checkpoint?: () => void,
  ): Promise<Float64Array> {
    const worths = new Float64Array(games.reduce((sum, { size }) => sum + size, 0));
    const capacity = Math.min(MIXTURES_AT_ONCE, this.mixtures.rowsWithin(VALUES_AT_ONCE));
    const block = this.mixtures.startBlock(row, capacity);
    let scored = 0;
    const scoreBlock = async () => {
      checkpoint?.();
      const { count } = block;
      const answers = await this.model.run(block.take(), count);
      worths.set(readAnswers(answers, this.model.signature.definition, index, count), scored);
      scored += count;
      // A model that runs on this thread has blocked it, so other requests are let in before the next block.
      await nextTurn();
    };
    for (const [background, game] of games.entries()) {
      for (const coalition of game.coalitions()) {
        block.add(background, coalition);
        if (block.isFull) await scoreBlock();
      }
    }
    if (block.count > 0) await scoreBlock();
    return worths;
  }

  private seedOf({ feeds }: EncodedRows): Uint8Array {
    const hash = createHash('sha256').update(this.options.identity);
    for (const { data } of Object.values(feeds)) {
      if (Array.isArray(data)) hash.update(JSON.stringify(data));
      else hash.update(data as Uint8Array);
    }
    return hash.digest();
  }
}

/** Reads the value of each row, or its probability of the class with this index. */
function readAnswers(
  outputs: Record<string, OutputTensor>,
  { output }: SignatureDefinition,
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
