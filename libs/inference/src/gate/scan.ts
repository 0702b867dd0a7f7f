import { GraphRefused } from '../errors.js';
import { Attributes } from './attributes.js';
import { HIGHEST_IR_VERSION, refuseOperator, refuseOpset } from './operators.js';
import { checkSvmClassifier, checkSvmRegressor } from './svm-scan.js';
import { checkTensor } from './tensor-scan.js';
import { checkTreeEnsemble, checkTrees, type ColumnsRead } from './tree-scan.js';
import { readValueInfo, type GraphValue } from './value-info.js';
import { BYTES, fieldsOf, textOf, VARINT, type WireField, type WireType } from './wire-reader.js';

export type { GraphValue } from './value-info.js';

/** What a graph takes and answers, as its file says. */
export interface ScannedGraph {
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
}

const MAX_NODES = 100_000;
const MAX_NAME_BYTES = 4096;
const MAX_VALUES = 10_000;
const MAX_CLASSES = 10_000;

/** What a field of a message must be encoded as; a field that is not here is skipped, as every reader does. */
type Layout = Readonly<Record<number, { readonly type: WireType; readonly once?: boolean }>>;

const MODEL: Layout = {
  1: { type: VARINT, once: true },
  7: { type: BYTES, once: true },
  8: { type: BYTES },
  20: { type: BYTES },
  25: { type: BYTES },
};
const OPSET: Layout = { 1: { type: BYTES, once: true }, 2: { type: VARINT, once: true } };
const GRAPH: Layout = {
  1: { type: BYTES },
  5: { type: BYTES },
  11: { type: BYTES },
  12: { type: BYTES },
  15: { type: BYTES },
};
const NODE: Layout = {
  1: { type: BYTES },
  2: { type: BYTES },
  4: { type: BYTES, once: true },
  5: { type: BYTES },
  7: { type: BYTES, once: true },
};
const ATTRIBUTE: Layout = {
  1: { type: BYTES, once: true },
  5: { type: BYTES, once: true },
  6: { type: BYTES },
  9: { type: BYTES },
  10: { type: BYTES },
  11: { type: BYTES },
  20: { type: VARINT, once: true },
  22: { type: BYTES },
  23: { type: BYTES },
};

/** Operators whose attributes are looked into. */
const MODELS: ReadonlySet<string> = new Set([
  'LinearClassifier',
  'SVMClassifier',
  'SVMRegressor',
  'TreeEnsemble',
  'TreeEnsembleClassifier',
  'TreeEnsembleRegressor',
]);
/** Operators that hand labels on, those that hand probabilities on class by class, and those that keep columns apart. */
const KEEP_LABELS = new Set(['Cast', 'Identity', 'Reshape', 'Squeeze', 'Flatten']);
const KEEP_CLASSES = new Set([...KEEP_LABELS, 'Normalizer']);
const KEEP_COLUMNS = new Set(['Cast', 'Identity', 'Imputer', 'Normalizer', 'Scaler']);

interface Node {
  readonly operator: string;
  readonly inputs: string[];
  readonly outputs: string[];
  /** Of a classifier: in the order of its probabilities. */
  readonly classes?: readonly (string | number)[];
  /** What a model reads of its one input. */
  readonly reads?: ColumnsRead;
}

/**
 * Reads an ONNX file (onnx.proto, ModelProto) without loading it, and refuses what a runtime should never see:
 * operators outside of the allow-list, subgraphs and functions, data outside of the file, tensors that claim to be
 * larger than their data, trees and support vector machines whose attributes do not fit each other, cycles, versions
 * that are too new, and inputs or outputs that are no plain tensors. Takes time and memory by the file's length; copies
 * names and the integers of trees.
 * @throws GraphRefused with a sentence for the one who made the file
 */
export function scanGraph(bytes: Uint8Array): ScannedGraph {
  if (bytes.length === 0) throw new GraphRefused('the file is empty');
  let graph: WireField | undefined;
  for (const field of checked(bytes, MODEL)) {
    if (field.number === 1 && field.value > BigInt(HIGHEST_IR_VERSION)) {
      throw new GraphRefused(
        `the file has the IR version ${field.value}, and the highest one taken is ${HIGHEST_IR_VERSION}: export it with an older release of the exporter, or set model.ir_version before it is saved`,
      );
    }
    if (field.number === 8) checkOpset(bytes, field);
    if (field.number === 7) graph = field;
    if (field.number === 20)
      throw new GraphRefused('the file holds training information, which is not taken');
    if (field.number === 25) {
      throw new GraphRefused('the file defines functions of its own; export it with functions inlined');
    }
  }
  if (!graph) throw new GraphRefused('the file holds no graph: it is no ONNX model');
  return new GraphScan(bytes).run(graph);
}

function checkOpset(bytes: Uint8Array, opset: WireField): void {
  let domain = '';
  let version = 0;
  for (const field of checked(bytes, OPSET, opset)) {
    if (field.number === 1) domain = nameOf(bytes, field);
    if (field.number === 2) version = Number(field.value);
  }
  const refusal = refuseOpset(domain, version);
  if (refusal !== null) throw new GraphRefused(refusal);
}

class GraphScan {
  private readonly nodes: Node[] = [];
  private readonly initializers = new Set<string>();
  private readonly inputs: GraphValue[] = [];
  private readonly outputs: GraphValue[] = [];
  /** The node that makes each tensor. */
  private makers?: ReadonlyMap<string, Node>;

  constructor(private readonly bytes: Uint8Array) {}

  run(graph: WireField): ScannedGraph {
    for (const field of checked(this.bytes, GRAPH, graph)) {
      if (field.number === 1) this.addNode(field);
      if (field.number === 5) this.initializers.add(checkTensor(this.bytes, field).name);
      if (field.number === 11) this.inputs.push(readValueInfo(this.bytes, field, 'input'));
      if (field.number === 12) this.outputs.push(readValueInfo(this.bytes, field, 'output'));
      if (field.number === 15)
        throw new GraphRefused('the graph has sparse initializers, which are not taken');
      if (this.inputs.length > MAX_VALUES || this.outputs.length > MAX_VALUES) {
        throw new GraphRefused(`the graph has more than ${MAX_VALUES} inputs or outputs`);
      }
    }
    // Files of IR version 3 and before list every initializer among the inputs, too.
    const inputs = this.inputs.filter(({ name }) => !this.initializers.has(name));
    if (inputs.length === 0) throw new GraphRefused('the graph takes no input');
    if (this.outputs.length === 0) throw new GraphRefused('the graph has no output');
    this.checkOrder();
    return {
      inputs: this.withColumns(inputs),
      outputs: this.outputs.map((output) => this.withClasses(output)),
    };
  }

  /** An output with the classes of the classifier that makes it: no other node of the graph may name them. */
  private withClasses(output: GraphValue): GraphValue {
    const keep = ['float32', 'float64'].includes(output.type) ? KEEP_CLASSES : KEEP_LABELS;
    const makers = (this.makers ??= new Map(
      this.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)),
    ));
    let maker = makers.get(output.name);
    while (maker && !maker.classes && keep.has(maker.operator)) maker = makers.get(maker.inputs[0] ?? '');
    return maker?.classes ? { ...output, classes: maker.classes } : output;
  }

  /**
   * The inputs with what models read of them, where models read them as they are.
   * @throws GraphRefused where a model reads columns that are not there
   */
  private withColumns(inputs: readonly GraphValue[]): GraphValue[] {
    const sources = new Map(inputs.map((input) => [input.name, { ...input }]));
    for (const { operator, inputs: fed, outputs, reads } of this.nodes) {
      const source = sources.get(fed[0] ?? '');
      if (!source || source.shape?.length === 1) continue;
      if (KEEP_COLUMNS.has(operator)) sources.set(outputs[0] ?? '', source);
      if (!reads) continue;
      const { columns, isExact } = reads;
      const width = source.shape?.[1] ?? null;
      if (width !== null && (isExact ? width !== columns : width < columns)) {
        throw new GraphRefused(
          `the operator ${operator} reads ${columns} columns of the input ${quote(source.name)}, which has ${width}`,
        );
      }
      if (isExact) source.shape = [source.shape?.[0] ?? null, columns];
      else source.columnsRead = Math.max(columns, source.columnsRead ?? 0);
    }
    return inputs.map(({ name }) => sources.get(name)!);
  }

  /** Every tensor is made once, and before it is used: so there is no cycle, and no name means two things. */
  private checkOrder(): void {
    const made = new Set(this.initializers);
    const inputs = new Set<string>();
    for (const { name } of this.inputs) {
      if (inputs.has(name)) throw new GraphRefused(`the graph has the input ${quote(name)} twice`);
      inputs.add(name);
      made.add(name);
    }
    for (const node of this.nodes) {
      const absent = node.inputs.find((name) => name !== '' && !made.has(name));
      if (absent !== undefined) {
        throw new GraphRefused(
          `a node uses the tensor ${quote(absent)}, which nothing before it makes: the graph has a cycle or is incomplete`,
        );
      }
      for (const name of node.outputs) {
        if (name === '') continue;
        if (made.has(name)) throw new GraphRefused(`the tensor ${quote(name)} is made twice`);
        made.add(name);
      }
    }
    const outputs = new Set<string>();
    for (const { name } of this.outputs) {
      if (!made.has(name)) throw new GraphRefused(`nothing makes the output ${quote(name)}`);
      if (outputs.has(name)) throw new GraphRefused(`the graph has the output ${quote(name)} twice`);
      outputs.add(name);
    }
  }

  private addNode(node: WireField): void {
    if (this.nodes.length === MAX_NODES) throw new GraphRefused(`the graph has more than ${MAX_NODES} nodes`);
    const inputs: string[] = [];
    const outputs: string[] = [];
    let operator = '';
    let domain = '';
    for (const field of checked(this.bytes, NODE, node)) {
      if (field.number === 1) inputs.push(nameOf(this.bytes, field));
      if (field.number === 2) outputs.push(nameOf(this.bytes, field));
      if (field.number === 4) operator = nameOf(this.bytes, field);
      if (field.number === 7) domain = nameOf(this.bytes, field);
    }
    const refusal = refuseOperator(domain, operator);
    if (refusal !== null) throw new GraphRefused(refusal);
    const attributes = MODELS.has(operator) ? new Attributes(this.bytes, operator) : null;
    for (const field of checked(this.bytes, NODE, node)) {
      if (field.number !== 5) continue;
      const { name, type } = this.checkAttribute(field, operator);
      attributes?.add(name, type, field);
    }
    this.nodes.push({ operator, inputs, outputs, ...(attributes && checkModel(operator, attributes)) });
  }

  private checkAttribute(attribute: WireField, operator: string): { name: string; type: number } {
    let name = '';
    let type = 0;
    for (const field of checked(this.bytes, ATTRIBUTE, attribute)) {
      if (field.number === 1) name = nameOf(this.bytes, field);
      if (field.number === 20) type = Number(field.value);
      if (field.number === 5 || field.number === 10) checkTensor(this.bytes, field);
      if (field.number === 6 || field.number === 11) {
        throw new GraphRefused(
          `the operator ${quote(operator)} holds a graph of its own, which is not taken`,
        );
      }
      if (field.number === 22 || field.number === 23) {
        throw new GraphRefused(`the operator ${quote(operator)} holds a sparse tensor, which is not taken`);
      }
    }
    return { name, type };
  }
}

/** What a model of ai.onnx.ml reads, and the classes that a classifier names. @throws GraphRefused */
function checkModel(operator: string, attributes: Attributes): Pick<Node, 'classes' | 'reads'> {
  switch (operator) {
    case 'LinearClassifier':
      return { classes: classesOf(attributes) };
    case 'SVMClassifier': {
      const classes = classesOf(attributes);
      return { classes, reads: checkSvmClassifier(attributes, classes.length) };
    }
    case 'SVMRegressor':
      return { reads: checkSvmRegressor(attributes) };
    case 'TreeEnsemble':
      return { reads: checkTreeEnsemble(attributes) };
    case 'TreeEnsembleClassifier': {
      const classes = classesOf(attributes);
      return { classes, reads: checkTrees(attributes, classes.length) };
    }
    case 'TreeEnsembleRegressor':
      return { reads: checkTrees(attributes, undefined) };
    default:
      return {};
  }
}

/** In the order of the probabilities. @throws GraphRefused where there are less than two */
function classesOf(attributes: Attributes): readonly (string | number)[] {
  const texts = [...attributes.texts('classlabels_strings')];
  const integers = ['classlabels_ints', 'classlabels_int64s'].flatMap((name) => attributes.longs(name));
  const classes = texts.length > 0 ? texts : integers;
  if (classes.length < 2 || classes.length > MAX_CLASSES) {
    throw attributes.refused(`${classes.length} class labels; 2 to ${MAX_CLASSES} are taken`);
  }
  return classes;
}

/** The fields of a message, after a look at how those that matter here are encoded. */
function* checked(bytes: Uint8Array, layout: Layout, message?: WireField): Generator<WireField> {
  const seen = new Set<number>();
  for (const field of fieldsOf(bytes, message?.start, message?.end)) {
    const rule = layout[field.number];
    if (rule) {
      if (field.type !== rule.type) throw malformed();
      // Readers merge a field that comes twice, each in its own way; what is scanned must be what is loaded.
      if (rule.once && seen.has(field.number)) throw malformed();
      seen.add(field.number);
    }
    yield field;
  }
}

function nameOf(bytes: Uint8Array, field: WireField): string {
  if (field.end - field.start > MAX_NAME_BYTES) {
    throw new GraphRefused(`the graph has a name of more than ${MAX_NAME_BYTES} bytes`);
  }
  return textOf(bytes, field);
}

function malformed(): GraphRefused {
  return new GraphRefused('the file is damaged or no ONNX file at all: a field is not encoded as ONNX says');
}

function quote(name: string): string {
  return JSON.stringify(name.slice(0, 80));
}
