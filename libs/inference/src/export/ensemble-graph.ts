import { TIE_WIDTH } from '../answers.js';
import type { Combination } from '../ensembles/combine.js';
import { fitMember } from '../ensembles/member-fit.js';
import type { MetaModel } from '../ensembles/stacking.js';
import type { SignatureDefinition, SignatureInput } from '../signature-definition.js';
import { BOOL, DOUBLE, FLOAT, GraphWriter, INT64, NotComposable, STRING } from './graph-writer.js';
import type { Message } from './message.js';

interface Composable {
  /** How callers know it. */
  readonly name: string;
  readonly signature: SignatureDefinition;
  /** Probability from which on the second of two classes is answered; null: the more probable class is. */
  readonly threshold: number | null;
}

/** A model with a graph that our trainer has made. */
export interface ComposableFile extends Composable {
  /** The portable graph. Its bytes are referred to by what is made of it, and must not change. */
  readonly graph: Uint8Array;
  readonly ensemble?: undefined;
}

/** Models whose answers become one. */
export interface ComposableEnsemble extends Composable {
  readonly ensemble: Combination & {
    readonly strategy: 'all' | 'cascade';
    /** Of a cascade: the confidence at which no further member is asked. */
    readonly threshold: number | null;
    readonly min_models_required: number;
    readonly members: readonly { readonly weight: number; readonly model: ComposableModel }[];
  };
}

export type ComposableModel = ComposableFile | ComposableEnsemble;

/** What a model answers, as tensors of the graph. */
interface Answer {
  /** float64 [n, classes] in the order of its own classes, or values [n, 1]. */
  readonly values: string;
  /** int64 [n, 1], the place of the predicted class; not of a regression. */
  readonly label: string | null;
}

/** Outputs, as `unionSignature` names them. */
const LABEL = 'label';
const PROBABILITIES = 'probabilities';
const VALUE = 'value';

/**
 * One ONNX graph that answers as an ensemble does all of whose members answer. Each feature is an input [n, 1] by the name
 * that the ensemble's signature gives it: float32, or float64 where a member takes an offset away from it, or text. Outputs
 * are those of the signature: `label` int64 [n] and `probabilities` float64 [n, classes], or `value` float64 [n, 1]. What
 * members answer in float32 is combined in float64, in the order in which `combineAnswers` does it.
 * @returns the file
 * @throws NotComposable naming the member that does not fit, or whose graph cannot be a part of another
 */
export function composeGraph(ensemble: ComposableEnsemble): Message {
  return new Composition(ensemble.signature, filesOf(ensemble)).compose(ensemble);
}

function filesOf(model: ComposableModel): ComposableFile[] {
  return model.ensemble ? model.ensemble.members.flatMap((member) => filesOf(member.model)) : [model];
}

class Composition {
  private readonly writer = new GraphWriter('ensemble');
  /** Inputs by their names in the signature. */
  private readonly inputs: ReadonlyMap<string, SignatureInput>;
  private readonly signature: SignatureDefinition;
  private embedded = 0;

  constructor(signature: SignatureDefinition, files: readonly ComposableFile[]) {
    const inputs = signature.inputs.map((input) => {
      const isShifted = files.some((file) =>
        file.signature.inputs.some(({ name, offset }) => name === input.name && offset),
      );
      return isShifted ? { ...input, dtype: 'float64' as const } : input;
    });
    this.signature = { ...signature, inputs };
    this.inputs = new Map(inputs.map((input) => [input.name, input]));
  }

  compose(ensemble: ComposableEnsemble): Message {
    for (const { tensor, dtype, parts } of this.inputs.values()) {
      const type = dtype === 'string' ? STRING : dtype === 'float64' ? DOUBLE : FLOAT;
      for (const name of parts ? parts.map((part) => part.tensor) : [tensor])
        this.writer.input(name, type, 1);
    }
    const { values, label } = this.combined(ensemble);
    const { output } = this.signature;
    if (label === null) {
      this.writer.node('Identity', [values], {}, VALUE);
      this.writer.output(VALUE, DOUBLE, 1);
    } else {
      this.writer.node('Reshape', [label, this.writer.integers([-1])], {}, LABEL);
      this.writer.node('Identity', [values], {}, PROBABILITIES);
      this.writer.output(LABEL, INT64);
      this.writer.output(PROBABILITIES, DOUBLE, output.type === 'classification' ? output.labels.length : 1);
    }
    return this.writer.model('modelplane', {
      'modelplane.signature': JSON.stringify(this.signature),
      'modelplane.labels': JSON.stringify(output.type === 'classification' ? output.labels : null),
      'modelplane.framework': 'ensemble',
      'modelplane.members': JSON.stringify(filesOf(ensemble).map(({ name }) => name)),
    });
  }

  private answerOf(model: ComposableModel): Answer {
    return model.ensemble ? this.combined(model) : this.embed(model);
  }

  private embed(file: ComposableFile): Answer {
    const { writer } = this;
    const { output } = file.signature;
    const renamed = naming(file, () =>
      writer.embed(file.graph, `member_${++this.embedded}_`, this.feedsOf(file.signature)),
    );
    if (output.type === 'regression') {
      const value = writer.node('Cast', [renamed(output.value_tensor)], { to: DOUBLE });
      const values = output.offset ? writer.node('Add', [value, writer.doubles([output.offset])]) : value;
      return { values, label: null };
    }
    const values = writer.node('Cast', [renamed(output.probabilities_tensor!)], { to: DOUBLE });
    return { values, label: this.decide(values, file.threshold) };
  }

  /** For each input of a member's graph what takes its place: the feature, changed as a server changes it for this member. */
  private feedsOf({ inputs }: SignatureDefinition): Map<string, string> {
    const { writer } = this;
    const feeds = new Map<string, string>();
    for (const { name, tensor, dtype, parts, offset, reading } of inputs) {
      // `fitMember` has found it.
      const given = this.inputs.get(name)!;
      for (const { part, tensor: own } of parts ?? []) {
        const fed = given.parts?.find((each) => each.part === part);
        if (!fed) throw new NotComposable(`reads the ${part} of '${name}', which the ensemble does not have`);
        feeds.set(own, fed.tensor);
      }
      if (parts) continue;
      let fed = given.tensor;
      if (dtype === 'string' && reading?.missing?.length) fed = this.withoutWords(fed, reading.missing);
      if (given.dtype === 'float64') {
        const shifted = offset ? writer.node('Sub', [fed, writer.doubles([offset])]) : fed;
        fed = writer.node('Cast', [shifted], { to: FLOAT });
      }
      feeds.set(tensor, fed);
    }
    return feeds;
  }

  /** The empty text in place of words that stand for a missing value. */
  private withoutWords(text: string, words: readonly string[]): string {
    const { writer } = this;
    const isWord = writer.node('Equal', [text, writer.texts(words, [1, words.length])]);
    const found = writer.node('ReduceMax', [
      writer.node('Cast', [isWord], { to: FLOAT }),
      writer.integers([1]),
    ]);
    const isMissing = writer.node('Cast', [found], { to: BOOL });
    return writer.node('Where', [isMissing, writer.texts(['']), text]);
  }

  private combined(model: ComposableEnsemble): Answer {
    const { members, strategy, meta } = model.ensemble;
    const parts = members.map((member) => this.partOf(model, member.model));
    const weights = members.map(({ weight }) => weight);
    const values =
      strategy === 'cascade'
        ? this.cascade(model, parts, weights)
        : meta
          ? this.stacked(meta, parts, model.signature)
          : this.mean(parts, weights);
    if (model.signature.output.type === 'regression') return { values, label: null };
    return { values, label: this.decide(values, model.threshold) };
  }

  /** What a member adds to the mean, or says to a meta model: its values, probabilities or vote, in the order of the ensemble's classes. */
  private partOf({ signature, ensemble }: ComposableEnsemble, member: ComposableModel): string {
    const { method } = ensemble;
    const fit = fitMember(member.signature, signature, method);
    if (typeof fit === 'string') throw new NotComposable(`its member ${member.name} ${fit}`);
    const { values, label } = this.answerOf(member);
    const { writer } = this;
    const { output } = signature;
    switch (method) {
      case 'averaging':
        return values;
      case 'stacking':
      case 'voting_soft':
        return fit.order ? writer.node('Gather', [values, writer.integers(fit.order)], { axis: 1 }) : values;
      case 'voting_hard': {
        const labels = output.type === 'classification' ? output.labels : [];
        const places = fit.order ?? [...labels.keys()];
        const vote = writer.node('Equal', [label!, writer.integers(places, [1, places.length])]);
        return writer.node('Cast', [vote], { to: DOUBLE });
      }
      default:
        throw new NotComposable(`the method ${String(method)} has no graph`);
    }
  }

  /** Weighted mean, summed in the order of the members. */
  private mean(values: readonly string[], weights: readonly number[]): string {
    const { writer } = this;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const weighted = values.map((each, at) =>
      writer.node('Mul', [each, writer.doubles([weights[at]! / total])]),
    );
    return weighted.reduce((sum, part) => writer.node('Add', [sum, part]));
  }

  /** What a meta model makes of the members' probabilities or values; `stackedProbabilities` does the same with JSON. */
  private stacked({ coefficients, intercepts }: MetaModel, parts: string[], { output }: SignatureDefinition) {
    const { writer } = this;
    const isBinary = output.type === 'classification' && output.labels.length === 2;
    const second = writer.integers([1]);
    const read = isBinary ? parts.map((part) => writer.node('Gather', [part, second], { axis: 1 })) : parts;
    const table = writer.node('Concat', read, { axis: 1 });
    const width = coefficients[0]!.length;
    const transposed = Array.from({ length: width }, (_, at) =>
      coefficients.map((ofOutput) => ofOutput[at]!),
    );
    const weights = writer.doubles(transposed.flat(), [width, coefficients.length]);
    const scores = writer.node('Add', [writer.node('MatMul', [table, weights]), writer.doubles(intercepts)]);
    if (output.type === 'regression') return scores;
    if (!isBinary) return writer.node('Softmax', [scores], { axis: 1 });
    const probability = writer.node('Sigmoid', [scores]);
    const other = writer.node('Sub', [writer.doubles([1]), probability]);
    return writer.node('Concat', [other, probability], { axis: 1 });
  }

  /** Of each row the mean of as many members as it takes until that is confident enough. */
  private cascade({ ensemble }: ComposableEnsemble, values: string[], weights: number[]): string {
    const { writer } = this;
    const enough = writer.doubles([ensemble.threshold!]);
    let combined = '';
    /** Whether a row needs a further member; none where every row does. */
    let isOpen: string | null = null;
    for (let count = 1; count <= values.length; count++) {
      const mean = this.mean(values.slice(0, count), weights.slice(0, count));
      combined = isOpen ? writer.node('Where', [isOpen, mean, combined]) : mean;
      if (count < ensemble.min_models_required) continue;
      const confidence = writer.node('GatherElements', [mean, this.decide(mean, null)], { axis: 1 });
      const isUnsure = writer.node('Less', [confidence, enough]);
      isOpen = isOpen ? writer.node('And', [isOpen, isUnsure]) : isUnsure;
    }
    return combined;
  }

  /** The place of the predicted class, [n, 1]: by the threshold, else the first of those that tie with the most probable. */
  private decide(probabilities: string, threshold: number | null): string {
    const { writer } = this;
    const axis = writer.integers([1]);
    if (threshold !== null) {
      const second = writer.node('Gather', [probabilities, axis], { axis: 1 });
      const isSecond = writer.node('GreaterOrEqual', [second, writer.doubles([threshold])]);
      return writer.node('Cast', [isSecond], { to: INT64 });
    }
    const largest = writer.node('ReduceMax', [probabilities, axis]);
    const least = writer.node('Sub', [largest, writer.doubles([TIE_WIDTH])]);
    const isTied = writer.node('GreaterOrEqual', [probabilities, least]);
    return writer.node('ArgMax', [writer.node('Cast', [isTied], { to: FLOAT })], { axis: 1 });
  }
}

/** Does `work` on a member, and says of which one it was that could not be taken. */
function naming<T>({ name }: Composable, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof NotComposable) error.message = `the graph of its member ${name} ${error.message}`;
    throw error;
  }
}
