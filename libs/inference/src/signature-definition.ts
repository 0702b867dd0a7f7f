import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { InvalidSignature } from './errors.js';
import type { TimestampPart } from './timestamp.js';

export type Label = string | number | boolean;

export interface SignatureInput {
  /** As the caller writes it. */
  readonly name: string;
  readonly type: 'number' | 'integer' | 'boolean' | 'string' | 'timestamp';
  /**
   * The graph's input; shape [n, 1], unless `rank` or `column` says otherwise. Of a timestamp what its parts' names
   * begin with.
   */
  readonly tensor: string;
  readonly dtype: 'float32' | 'float64' | 'int64' | 'int32' | 'bool' | 'string';
  /** 1 for a tensor of shape [n]. */
  readonly rank?: 1 | 2;
  /** Which column of a tensor [n, k] that several features share. */
  readonly column?: number;
  readonly nullable: boolean;
  /**
   * Of a number or integer in float32: taken away from the value in float64 first, so that values far from 0 that
   * differ by little stay different. 0 where absent.
   */
  readonly offset?: number;
  /** For a text column: the values that the model tells apart. */
  readonly categories: readonly string[] | null;
  /** How training read the column from its files; single predictions need what concerns JSON. */
  readonly reading?: {
    /** Words that stand for a missing value. */
    readonly missing?: readonly string[];
    /** A row need not name the feature, and its value is then missing. */
    readonly may_be_absent?: true;
    /**
     * What a text was made of, which is then taken as its text; `boolean` also of a number that takes true and false,
     * because it was made of booleans or was 0 or 1 in every row of training.
     */
    readonly from?: 'text' | 'number' | 'boolean';
    readonly decimal?: string;
    readonly thousands?: string;
    readonly unit?: string;
  };
  /** For a timestamp: the inputs that its parts feed, each of shape [n, 1]. */
  readonly parts?: readonly { readonly part: TimestampPart; readonly tensor: string }[];
}

export interface ClassificationOutput {
  readonly type: 'classification';
  /** In the order of the probabilities; the graph's label is an index into them. */
  readonly labels: readonly Label[];
  /** int64, int32 or string, shape [n]; null where the first of the most probable classes is the answer. */
  readonly label_tensor: string | null;
  /** Whether the graph's label is an index into `labels`, as by default, or the label itself. */
  readonly label_encoding?: 'index' | 'value';
  /** float32 or float64, shape [n, classes], or [n, 1] or [n] of the second of two classes. */
  readonly probabilities_tensor: string | null;
  /**
   * What that output holds. Logits become probabilities in float64: by softmax of a row, or by the sigmoid function
   * where there is one column. Probabilities where absent.
   */
  readonly probabilities?: 'logits' | 'probabilities';
}

export interface RegressionOutput {
  readonly type: 'regression';
  /** float32 or float64, shape [n, 1] or [n]. */
  readonly value_tensor: string;
  /** Added in float64 to what the graph answers: the model was trained on the target less this. 0 where absent. */
  readonly offset?: number;
}

/** A column of the core's input: a number, or what a text is to it. Each step rounds to float32. */
export interface CoreColumn {
  /** The input of the whole graph, or a timestamp's part, that it is made of. */
  readonly tensor: string;
  /** In place of a missing number, before the others; NaN where absent. */
  readonly missing?: number;
  readonly offset?: number;
  readonly scale?: number;
  /** The place of the text in this list, or -1. */
  readonly ordinal?: readonly string[];
  /** 1 where the text is this one, else 0. */
  readonly equals?: string;
}

/** The graph without its encoding, a file of its own: one input, float32 [n, columns]. */
export interface CoreDefinition {
  readonly tensor: string;
  readonly columns: readonly CoreColumn[];
}

/** Which file of a version is fed: the portable graph, or the core that gives the same answers faster. */
export type GraphPart = 'whole' | 'core';

/** contracts/signature.v1.schema.json */
export interface SignatureDefinition {
  readonly signature_version: 1;
  readonly target: string | null;
  readonly inputs: readonly SignatureInput[];
  readonly ignored: readonly string[];
  readonly core?: CoreDefinition;
  readonly output: ClassificationOutput | RegressionOutput;
}

/** An input of a graph, as wide as the features or columns in it are many. */
export interface InputTensor {
  readonly name: string;
  readonly dtype: SignatureInput['dtype'];
  readonly rank: 1 | 2;
  readonly width: number;
  /** The first feature in it. */
  readonly feature: string;
}

/** What a version's file takes, in the order of the features. @throws InvalidSignature where there is no core */
export function inputTensors(definition: SignatureDefinition, part: GraphPart): InputTensor[] {
  const { inputs, core } = definition;
  if (part === 'whole') {
    return Array.from(groupByTensor(inputs), ([name, features]) => {
      const { dtype, rank = 2, name: feature } = features[0]!;
      return { name, dtype, rank, width: features.length, feature };
    });
  }
  if (!core) throw new InvalidSignature('the signature has no core');
  const feature = inputs[0]!.name;
  return [{ name: core.tensor, dtype: 'float32', rank: 2, width: core.columns.length, feature }];
}

/** The graph's inputs that one feature feeds. */
export function tensorsOf({ tensor, parts }: SignatureInput): readonly string[] {
  return parts?.map((part) => part.tensor) ?? [tensor];
}

let validator: ValidateFunction<SignatureDefinition> | undefined;

/** Compiles the contract, once a process: the first signature would wait for it, and whoever shares its thread. */
export function compileSignatureContract(): ValidateFunction<SignatureDefinition> {
  return (validator ??= new Ajv({ allowUnionTypes: true }).compile<SignatureDefinition>(readContract()));
}

/** Checks a document against the contract and against itself. @throws InvalidSignature */
export function checkSignature(json: unknown): SignatureDefinition {
  const validate = compileSignatureContract();
  if (!validate(json)) {
    const { instancePath, message } = validate.errors![0]!;
    throw new InvalidSignature(`signature${instancePath} ${message}`);
  }
  const inputNames = new Set<string>();
  for (const input of json.inputs) {
    const { name, type, dtype, rank, column, nullable, categories, parts, reading, offset } = input;
    if (inputNames.has(name)) throw new InvalidSignature(`the signature has the feature '${name}' twice`);
    if ((type === 'timestamp') !== (parts !== undefined)) {
      throw new InvalidSignature(`the feature '${name}' of type ${type} ${parts ? 'has' : 'lacks'} parts`);
    }
    if (parts && (rank === 1 || column !== undefined)) {
      throw new InvalidSignature(`the parts of the feature '${name}' have tensors [n, 1] of their own`);
    }
    if (!FITTING[type].includes(dtype)) {
      throw new InvalidSignature(`the feature '${name}' of type ${type} does not fit a tensor of ${dtype}`);
    }
    if (nullable && !TAKES_NULL.includes(dtype)) {
      throw new InvalidSignature(
        `the feature '${name}' cannot be null: a tensor of ${dtype} has no missing value`,
      );
    }
    if (offset !== undefined && !((type === 'number' || type === 'integer') && dtype === 'float32')) {
      throw new InvalidSignature(`the feature '${name}' has an offset and is no number in float32`);
    }
    if (categories && type !== 'string') {
      throw new InvalidSignature(`the feature '${name}' of type ${type} has categories`);
    }
    if ((reading?.missing || reading?.may_be_absent) && !nullable) {
      throw new InvalidSignature(`the feature '${name}' is read as missing, which it cannot be`);
    }
    inputNames.add(name);
  }
  for (const [tensor, inputs] of groupByTensor(json.inputs)) checkSharing(tensor, inputs);
  if (json.core) checkCore(json.core, json.inputs);
  const both = json.ignored.find((name) => inputNames.has(name));
  if (both !== undefined) throw new InvalidSignature(`the column '${both}' is both a feature and ignored`);
  const { output } = json;
  if (output.type === 'classification' && new Set(output.labels).size !== output.labels.length) {
    throw new InvalidSignature('the signature has a label twice');
  }
  if (
    output.type === 'classification' &&
    output.label_tensor === null &&
    output.probabilities_tensor === null
  ) {
    throw new InvalidSignature('the signature reads neither a label nor probabilities');
  }
  return json;
}

/** The features of each tensor, in the order of the first of each; a timestamp is one of each of its parts' tensors. */
export function groupByTensor(inputs: readonly SignatureInput[]): Map<string, SignatureInput[]> {
  const groups = new Map<string, SignatureInput[]>();
  for (const input of inputs) {
    for (const tensor of tensorsOf(input)) {
      const group = groups.get(tensor);
      if (group) group.push(input);
      else groups.set(tensor, [input]);
    }
  }
  return groups;
}

const FLOATS = ['float32', 'float64'];
const INTEGERS = ['int64', 'int32'];
const TAKES_NULL = [...FLOATS, 'string'];
/** What a feature of each type may be fed as. */
const FITTING: Readonly<Record<SignatureInput['type'], readonly string[]>> = {
  number: FLOATS,
  integer: [...FLOATS, ...INTEGERS],
  boolean: [...FLOATS, ...INTEGERS, 'bool'],
  string: ['string'],
  timestamp: ['float32'],
};

/** Features that share a tensor fill its columns, each one once. */
function checkSharing(tensor: string, inputs: readonly SignatureInput[]): void {
  const [first] = inputs as [SignatureInput];
  if (inputs.length === 1 && first.column === undefined) return;
  const columns = new Set(inputs.map(({ column }) => column));
  if (columns.has(undefined)) throw new InvalidSignature(`the signature feeds the tensor '${tensor}' twice`);
  if (columns.size < inputs.length || inputs.some(({ column }) => column! >= inputs.length)) {
    throw new InvalidSignature(`the features of the tensor '${tensor}' do not fill each of its columns once`);
  }
  if (inputs.some(({ dtype, rank }) => dtype !== first.dtype || rank === 1)) {
    throw new InvalidSignature(`the features of the tensor '${tensor}' are not of one dtype and rank 2`);
  }
}

/** Every feature has a column, and every column fits its feature. */
function checkCore({ columns }: CoreDefinition, inputs: readonly SignatureInput[]): void {
  const fed = new Map(inputs.flatMap((input) => tensorsOf(input).map((tensor) => [tensor, input] as const)));
  const used = new Set<SignatureInput>();
  const placed = new Set<string>();
  for (const { tensor, ordinal, equals, missing, scale } of columns) {
    const input = fed.get(tensor);
    if (!input) throw new InvalidSignature(`the core reads the tensor '${tensor}', which no feature feeds`);
    if ((input.type === 'string') !== ((ordinal ?? equals) !== undefined)) {
      throw new InvalidSignature(`the core does not fit the feature '${input.name}' of type ${input.type}`);
    }
    if ((ordinal && equals !== undefined) || (input.type === 'string' && (missing ?? scale) !== undefined)) {
      throw new InvalidSignature(`the core encodes the feature '${input.name}' in two ways at once`);
    }
    if (ordinal && placed.has(tensor)) {
      throw new InvalidSignature(`the core encodes the feature '${input.name}' in two ways at once`);
    }
    if (ordinal) placed.add(tensor);
    used.add(input);
  }
  const unused = inputs.find((input) => !used.has(input));
  if (unused) throw new InvalidSignature(`the core does not read the feature '${unused.name}'`);
}

/** The contracts lie at the root of the repository, which is another way up from `dist` than from the sources. */
function readContract(): object {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    if (dirname(folder) === folder) throw new Error(`no package.json above ${import.meta.dirname}`);
    folder = dirname(folder);
  }
  return JSON.parse(readFileSync(join(folder, 'contracts', 'signature.v1.schema.json'), 'utf8')) as object;
}
