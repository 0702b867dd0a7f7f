import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { InvalidSignature } from './errors.js';

export type Label = string | number | boolean;

export interface SignatureInput {
  /** As the caller writes it. */
  readonly name: string;
  readonly type: 'number' | 'integer' | 'boolean' | 'string';
  /** The graph's input, shape [n, 1]. */
  readonly tensor: string;
  readonly dtype: 'float32' | 'string';
  readonly nullable: boolean;
  /** For a text column: the values that the model tells apart. */
  readonly categories: readonly string[] | null;
}

export interface ClassificationOutput {
  readonly type: 'classification';
  /** In the order of the probabilities; the graph's label is an index into them. */
  readonly labels: readonly Label[];
  /** int64, shape [n]. */
  readonly label_tensor: string;
  /** float32, shape [n, classes]. */
  readonly probabilities_tensor: string;
}

export interface RegressionOutput {
  readonly type: 'regression';
  /** float32, shape [n, 1] or [n]. */
  readonly value_tensor: string;
}

/** contracts/signature.v1.schema.json */
export interface SignatureDefinition {
  readonly signature_version: 1;
  readonly target: string | null;
  readonly inputs: readonly SignatureInput[];
  readonly ignored: readonly string[];
  readonly output: ClassificationOutput | RegressionOutput;
}

let validate: ValidateFunction<SignatureDefinition> | undefined;

/** Checks a document against the contract and against itself. @throws InvalidSignature */
export function checkSignature(json: unknown): SignatureDefinition {
  validate ??= new Ajv({ allowUnionTypes: true }).compile<SignatureDefinition>(readContract());
  if (!validate(json)) {
    const { instancePath, message } = validate.errors![0]!;
    throw new InvalidSignature(`signature${instancePath} ${message}`);
  }
  const inputNames = new Set<string>();
  const tensors = new Set<string>();
  for (const { name, type, tensor, dtype, categories } of json.inputs) {
    if (inputNames.has(name)) throw new InvalidSignature(`the signature has the feature '${name}' twice`);
    if (tensors.has(tensor)) throw new InvalidSignature(`the signature feeds the tensor '${tensor}' twice`);
    if ((type === 'string') !== (dtype === 'string')) {
      throw new InvalidSignature(`the feature '${name}' of type ${type} does not fit a tensor of ${dtype}`);
    }
    if (categories && type !== 'string') {
      throw new InvalidSignature(`the feature '${name}' of type ${type} has categories`);
    }
    inputNames.add(name);
    tensors.add(tensor);
  }
  const both = json.ignored.find((name) => inputNames.has(name));
  if (both !== undefined) throw new InvalidSignature(`the column '${both}' is both a feature and ignored`);
  const { output } = json;
  if (output.type === 'classification' && new Set(output.labels).size !== output.labels.length) {
    throw new InvalidSignature('the signature has a label twice');
  }
  return json;
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
