import { InvalidSignature, SignatureIncomplete } from './errors.js';
import type { GraphValue, ScannedGraph } from './gate/scan.js';
import {
  checkSignature,
  type ClassificationOutput,
  type Label,
  type RegressionOutput,
  type SignatureDefinition,
  type SignatureInput,
} from './signature-definition.js';

/** One feature as the caller describes it; all but the name can be read from the graph. */
export interface FeatureDescription {
  readonly name: string;
  /** No timestamp: its parts are made as our trainer's graphs take them. */
  readonly type?: Exclude<SignatureInput['type'], 'timestamp'>;
  /** The graph's input; needed where the order of the features does not tell. */
  readonly tensor?: string;
  readonly nullable?: boolean;
  readonly categories?: readonly string[];
}

/** What a graph does not say of itself. */
export interface SignatureDescription {
  readonly features?: readonly FeatureDescription[];
  readonly target?: string;
  /** Classes in the order of the probabilities. */
  readonly labels?: readonly Label[];
  /** null where the most probable class is the answer, whatever the graph's label says. */
  readonly label_tensor?: string | null;
  /** Whether the graph answers a label itself or its index; where absent, as the graph and the labels tell. */
  readonly label_encoding?: 'index' | 'value';
  /** null where the graph's probabilities are not read. */
  readonly probabilities_tensor?: string | null;
  /** What that output holds. */
  readonly probabilities?: 'logits' | 'probabilities';
  readonly value_tensor?: string;
}

/**
 * The signature of a graph: names, types and shapes from the graph, everything else from the caller.
 * @throws SignatureIncomplete with a pointer into the description
 */
export function completeSignature(
  graph: ScannedGraph,
  modelType: 'classification' | 'regression',
  description: SignatureDescription,
): SignatureDefinition {
  const definition: SignatureDefinition = {
    signature_version: 1,
    target: description.target ?? null,
    inputs: completeInputs(graph, description.features),
    ignored: [],
    output: modelType === 'regression' ? regression(graph, description) : classification(graph, description),
  };
  try {
    return checkSignature(definition);
  } catch (error) {
    if (error instanceof InvalidSignature) throw new SignatureIncomplete(error.message, '');
    throw error;
  }
}

function completeInputs(
  graph: ScannedGraph,
  features: readonly FeatureDescription[] | undefined,
): SignatureInput[] {
  for (const input of graph.inputs) checkShape(input);
  const [first] = graph.inputs as [GraphValue];
  if (graph.inputs.length === 1 && widthOf(first) !== 1) return packed(first, features);
  // Beside others, an input that does not say is one column: the trial tells.
  const wide = graph.inputs.find((input) => ![1, null].includes(widthOf(input)));
  if (wide) {
    throw new SignatureIncomplete(
      `the graph has ${graph.inputs.length} inputs and ${quote(wide.name)} is no single column: either every input is one feature, of shape [n, 1] or [n], or one input of shape [n, k] holds all of them`,
      '',
    );
  }
  return graph.inputs.length === 1 && features?.length === 1 && features[0]!.tensor === undefined
    ? [complete(first, features[0]!, 0, undefined)]
    : single(graph.inputs, features);
}

/** One input a feature: the input's name is the feature's, unless the caller gives another. */
function single(
  inputs: readonly GraphValue[],
  features: readonly FeatureDescription[] = [],
): SignatureInput[] {
  const described = new Map<string, number>();
  const names = new Set(inputs.map((input) => input.name));
  features.forEach(({ name, tensor = name }, at) => {
    if (!names.has(tensor)) {
      throw new SignatureIncomplete(
        `the graph has no input ${quote(tensor)}; it has ${list([...names])}`,
        `/features/${at}/${features[at]!.tensor === undefined ? 'name' : 'tensor'}`,
      );
    }
    if (described.has(tensor)) {
      throw new SignatureIncomplete(`the input ${quote(tensor)} has two features`, `/features/${at}`);
    }
    described.set(tensor, at);
  });
  return inputs.map((input) => {
    const at = described.get(input.name);
    return complete(input, at === undefined ? { name: input.name } : features[at]!, at ?? 0, undefined);
  });
}

/** One input of k columns: only the caller knows which is which. */
function packed(input: GraphValue, features: readonly FeatureDescription[] | undefined): SignatureInput[] {
  const width = widthOf(input);
  const shown = `the input ${quote(input.name)} takes ${width ?? 'several'} columns`;
  if (!features) {
    throw new SignatureIncomplete(`${shown}: name its features, in the order of the columns`, '/features');
  }
  if (width !== null && features.length !== width) {
    throw new SignatureIncomplete(`${shown}, and ${features.length} features are named`, '/features');
  }
  if (features.length < (input.columnsRead ?? 0)) {
    throw new SignatureIncomplete(
      `the graph reads ${input.columnsRead} columns of the input ${quote(input.name)}, and ${features.length} features are named`,
      '/features',
    );
  }
  return features.map((feature, column) => {
    if (feature.tensor !== undefined && feature.tensor !== input.name) {
      throw new SignatureIncomplete(
        `the graph has no input ${quote(feature.tensor)}; it has ${quote(input.name)}`,
        `/features/${column}/tensor`,
      );
    }
    return complete(input, feature, column, column);
  });
}

const TYPES = {
  float32: 'number',
  float64: 'number',
  int64: 'integer',
  int32: 'integer',
  bool: 'boolean',
  string: 'string',
} as const;

function complete(
  input: GraphValue,
  { name, type = TYPES[input.type], nullable = false, categories }: FeatureDescription,
  at: number,
  column: number | undefined,
): SignatureInput {
  if (nullable && TYPES[input.type] !== 'number' && input.type !== 'string') {
    throw new SignatureIncomplete(
      `${quote(name)} cannot be null: a tensor of ${input.type} has no missing value`,
      `/features/${at}/nullable`,
    );
  }
  return {
    name,
    type,
    tensor: input.name,
    dtype: input.type,
    nullable,
    categories: categories ?? null,
    ...(input.shape?.length === 1 && { rank: 1 as const }),
    ...(column !== undefined && { column }),
  };
}

function regression(graph: ScannedGraph, { value_tensor: name }: SignatureDescription): RegressionOutput {
  const numbers = graph.outputs.filter(isNumber);
  const value =
    name === undefined ? onlyOne(numbers, 'value', '/value_tensor') : find(graph, name, '/value_tensor');
  if (!isNumber(value)) throw wrongType(value, 'float32 or float64', '/value_tensor');
  return { type: 'regression', value_tensor: value.name };
}

function classification(graph: ScannedGraph, description: SignatureDescription): ClassificationOutput {
  const probabilities = outputFor(graph, description.probabilities_tensor, isNumber, 'probabilities');
  const label = outputFor(graph, description.label_tensor, (output) => !isNumber(output), 'label');
  // A label that is not read names the classes all the same. Its maker does so before that of the probabilities, which
  // may be of a model within, whose classes are numbered.
  const names = label ?? graph.outputs.find((output) => !isNumber(output)) ?? probabilities;
  const labels = description.labels ?? names?.classes;
  if (!labels) {
    throw new SignatureIncomplete('name the classes, in the order of the probabilities', '/labels');
  }
  if (labels.length < 2)
    throw new SignatureIncomplete('a classification has at least two classes', '/labels');
  if (probabilities && !isNumber(probabilities)) {
    throw wrongType(probabilities, 'float32 or float64', '/probabilities_tensor');
  }
  const width = probabilities?.shape?.at(-1);
  if (probabilities && width && width !== labels.length && !(width === 1 && labels.length === 2)) {
    throw new SignatureIncomplete(
      `the output ${quote(probabilities.name)} has ${width} columns and ${labels.length} classes are named`,
      '/labels',
    );
  }
  if (label && !['int64', 'int32', 'string'].includes(label.type)) {
    throw wrongType(label, 'int64, int32 or string', '/label_tensor');
  }
  if (!probabilities && description.probabilities) {
    throw new SignatureIncomplete('the signature reads no probabilities', '/probabilities');
  }
  return {
    type: 'classification',
    labels,
    label_tensor: label?.name ?? null,
    ...(label && {
      label_encoding: encodingOf(label, labels, description.label_encoding, probabilities !== null),
    }),
    probabilities_tensor: probabilities?.name ?? null,
    ...(description.probabilities === 'logits' && { probabilities: 'logits' as const }),
  };
}

/** The output that is named, else the only one of its kind; null where there is none or none is wanted. */
function outputFor(
  graph: ScannedGraph,
  named: string | null | undefined,
  isKind: (output: GraphValue) => boolean,
  what: 'label' | 'probabilities',
): GraphValue | null {
  if (named === null) return null;
  if (named !== undefined) return find(graph, named, `/${what}_tensor`);
  const outputs = graph.outputs.filter(isKind);
  return outputs.length > 0 ? onlyOne(outputs, what, `/${what}_tensor`) : null;
}

/**
 * Whether the graph answers a label itself or its index. The classifier that makes the label says what it answers. Of
 * any other graph that answers integers, those are the labels where these are integers, and indexes elsewhere; that is
 * believed only where the trial can compare it with probabilities.
 */
function encodingOf(
  label: GraphValue,
  labels: readonly Label[],
  given: 'index' | 'value' | undefined,
  hasProbabilities: boolean,
): 'index' | 'value' {
  const { classes } = label;
  if (classes) {
    const known = new Set(labels.map(String));
    const isValue = classes.every((value) => known.has(String(value)));
    const isIndex = classes.length === labels.length && classes.every((value, index) => value === index);
    if (given === undefined ? isValue || isIndex : given === 'value' ? isValue : isIndex)
      return given ?? (isValue ? 'value' : 'index');
    throw new SignatureIncomplete(
      `the output ${quote(label.name)} answers ${list(classes.map(String))}, which are ${given === 'index' ? `no indexes from 0 to ${labels.length - 1}` : `neither the labels nor their indexes from 0 to ${labels.length - 1}`}: leave out labels, or say "label_tensor": null, and the most probable class is the answer`,
      given ? '/label_encoding' : '/labels',
    );
  }
  if (given) return given;
  if (label.type === 'string') return 'value';
  const areIndexes = labels.every((value, index) => value === index);
  if (!hasProbabilities && !areIndexes) {
    throw new SignatureIncomplete(
      `say whether the integers of the output ${quote(label.name)} are the labels ("value") or their places in labels, from 0 ("index")`,
      '/label_encoding',
    );
  }
  return labels.every((value) => Number.isInteger(value)) ? 'value' : 'index';
}

function onlyOne(outputs: readonly GraphValue[], what: string, pointer: string): GraphValue {
  if (outputs.length === 1) return outputs[0]!;
  const found = outputs.length === 0 ? 'no output could be it' : list(outputs.map(({ name }) => name));
  throw new SignatureIncomplete(`say which output is the ${what}: ${found}`, pointer);
}

function find(graph: ScannedGraph, name: string, pointer: string): GraphValue {
  const found = graph.outputs.find((output) => output.name === name);
  if (found) return found;
  throw new SignatureIncomplete(
    `the graph has no output ${quote(name)}; it has ${list(graph.outputs.map((output) => output.name))}`,
    pointer,
  );
}

function wrongType({ name, type }: GraphValue, wanted: string, pointer: string): SignatureIncomplete {
  return new SignatureIncomplete(`the output ${quote(name)} is of ${type}, not of ${wanted}`, pointer);
}

function checkShape({ name, shape }: GraphValue): void {
  if (!shape) return;
  const shown = `the input ${quote(name)} has the shape [${shape.map((size) => size ?? 'n').join(', ')}]`;
  if (shape.length < 1 || shape.length > 2) {
    throw new SignatureIncomplete(`${shown}; [n], [n, 1] and [n, k] are taken`, '');
  }
  if (shape[0] !== null) {
    throw new SignatureIncomplete(
      `${shown}, which fixes the number of rows; export the model with a dynamic first dimension`,
      '',
    );
  }
}

/** null where only a run would tell. */
function widthOf({ shape }: GraphValue): number | null {
  return shape === null ? null : shape.length === 1 ? 1 : shape[1]!;
}

function isNumber({ type }: GraphValue): boolean {
  return type === 'float32' || type === 'float64';
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 10).map(quote).join(', ');
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}

function quote(name: string): string {
  return JSON.stringify(name.slice(0, 80));
}
