import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Answers } from '../answers.js';
import type { OnnxModel } from '../onnx-model.js';
import type { Label } from '../signature-definition.js';
import type { EncodedRows } from '../signature.js';
import { chooseGame, type Game, mostCoalitions } from './game.js';
import { ModelSubject } from './model-subject.js';
import { randomFrom } from './random.js';
import type { Subject } from './subject.js';

/** About how many mixtures an explanation takes; a few more for models of many features. */
const MIXTURES = 10_000;

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
 * Explains answers by interventional Shapley values over a background. Each background row plays a game of its own with
 * the row: exact where the players are few or the subject is additive, sampled elsewhere. As every background row takes
 * part alike, the contributions add up exactly.
 */
export class Explainer<Row = EncodedRows> {
  private readonly quota: number;

  constructor(
    private readonly subject: Subject<Row>,
    private readonly options: ExplainerOptions,
  ) {
    this.quota = Math.floor(MIXTURES / subject.backgroundRows);
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
    return new Explainer(await ModelSubject.open(model, background), options);
  }

  /** The most mixtures that the explanation of one row takes. */
  get mostSamples(): number {
    const { features, backgroundRows } = this.subject;
    return backgroundRows * mostCoalitions(features, this.quota, this.options.isAdditive);
  }

  /**
   * Explains rows that have been predicted.
   * @param label of a classification, the class whose probability is explained, one of its labels; without it that of
   *   each row's prediction
   * @throws FeatureErrors, ModelRunError, ModelOutputError
   */
  async explain(
    rows: readonly unknown[],
    predicted: Answers,
    { label, checkpoint }: ExplainOptions = {},
  ): Promise<Explanation[]> {
    const explanations: Explanation[] = [];
    for (const [at, row] of rows.entries())
      explanations.push(await this.explainRow(this.subject.encode(row), predicted, at, label, checkpoint));
    return explanations;
  }

  private async explainRow(
    row: Row,
    predicted: Answers,
    at: number,
    label = predicted.predictions[at]!,
    checkpoint?: () => void,
  ): Promise<Explanation> {
    const { output, features, backgroundRows } = this.subject;
    const index = output.type === 'classification' ? output.labels.indexOf(label) : 0;
    const all = output.type === 'classification' ? predicted.probabilities![at]![index]! : Number(label);
    const none = this.subject.backgroundAnswers(index);

    const random = randomFrom(this.seedOf(row));
    const games = Array.from(none, (_, background) =>
      chooseGame(this.subject.differences(row, background), this.quota, this.options.isAdditive, random),
    );
    // The background row equals the row here, but a model may answer a row alone and among others with different last
    // bits, and there is no feature that could explain the difference.
    for (const [background, { players }] of games.entries()) if (players.length === 0) none[background] = all;
    const worths = await this.score(row, games, index, checkpoint);

    const contributions = new Float64Array(features);
    const variances = new Float64Array(features);
    let from = 0;
    for (const [background, game] of games.entries()) {
      const outcome = game.settle(worths.subarray(from, (from += game.size)), none[background]!, all);
      game.players.forEach((feature, player) => {
        contributions[feature]! += outcome.contributions[player]! / backgroundRows;
        variances[feature]! += outcome.variances[player]! / backgroundRows ** 2;
      });
    }
    return {
      ...(output.type === 'classification' && { label }),
      baseValue: none.reduce((sum, value) => sum + value, 0) / backgroundRows,
      contributions,
      standardErrors: variances.map(Math.sqrt),
      samples: worths.length,
      isExact: games.every(({ isExact }) => isExact),
    };
  }

  /** Scores every coalition of every game, block by block; the answers are in the order of the games. */
  private async score(
    row: Row,
    games: readonly Game[],
    index: number,
    checkpoint?: () => void,
  ): Promise<Float64Array> {
    const worths = new Float64Array(games.reduce((sum, { size }) => sum + size, 0));
    const block = this.subject.startBlock(row);
    let scored = 0;
    const scoreBlock = async () => {
      checkpoint?.();
      const answers = await block.score(index);
      worths.set(answers, scored);
      scored += answers.length;
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

  private seedOf(row: Row): Uint8Array {
    const hash = createHash('sha256').update(this.options.identity);
    for (const bytes of this.subject.bytesOf(row)) hash.update(bytes);
    return hash.digest();
  }
}
