import { GraphRefused } from '../errors.js';
import { refuseOperator } from './operators.js';
import { checkTensor } from './tensor-scan.js';
import { readValueInfo, type GraphValue } from './value-info.js';
import { BYTES, fieldsOf, textOf, VARINT, varintsOf, type WireField, type WireType } from './wire-reader.js';

export type { GraphValue } from './value-info.js';

/** What a graph takes and answers, as its file says. */
export interface ScannedGraph {
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
  /** The classes that a classifier of ai.onnx.ml names, in the order of its probabilities. */
  readonly classes: readonly (string | number)[] | null;
}

const MAX_NODES = 100_000;
const MAX_NAME_BYTES = 4096;
const MAX_VALUES = 10_000;
const MAX_CLASSES = 10_000;

/** What a field of a message must be encoded as; a field that is not here is skipped, as every reader does. */
type Layout = Readonly<Record<number, { readonly type: WireType; readonly once?: boolean }>>;

const MODEL: Layout = { 7: { type: BYTES, once: true }, 20: { type: BYTES }, 25: { type: BYTES } };
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
  22: { type: BYTES },
  23: { type: BYTES },
};

interface Node {
  readonly inputs: string[];
  readonly outputs: string[];
}

/**
 * Reads an ONNX file (onnx.proto, ModelProto) without loading it, and refuses what a runtime should never see:
 * operators outside of the allow-list, subgraphs and functions, data outside of the file, tensors that claim to be
 * larger than their data, cycles, and inputs or outputs that are no plain tensors. Takes one pass and copies names
 * alone.
 * @throws GraphRefused with a sentence for the one who made the file
 */
export function scanGraph(bytes: Uint8Array): ScannedGraph {
  if (bytes.length === 0) throw new GraphRefused('the file is empty');
  let graph: WireField | undefined;
  for (const field of checked(bytes, MODEL)) {
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

class GraphScan {
  private readonly nodes: Node[] = [];
  private readonly initializers = new Set<string>();
  private readonly inputs: GraphValue[] = [];
  private readonly outputs: GraphValue[] = [];
  private classes: (string | number)[] | null = null;

  constructor(private readonly bytes: Uint8Array) {}

  run(graph: WireField): ScannedGraph {
    for (const field of checked(this.bytes, GRAPH, graph)) {
      if (field.number === 1) this.addNode(field);
      if (field.number === 5) this.initializers.add(checkTensor(this.bytes, field));
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
    return { inputs, outputs: this.outputs, classes: this.classes };
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
    for (const field of checked(this.bytes, NODE, node)) {
      if (field.number === 5) this.checkAttribute(field, operator);
    }
    this.nodes.push({ inputs, outputs });
  }

  private checkAttribute(attribute: WireField, operator: string): void {
    let name = '';
    const strings: string[] = [];
    const integers: number[] = [];
    for (const field of checked(this.bytes, ATTRIBUTE, attribute)) {
      if (field.number === 1) name = nameOf(this.bytes, field);
      if (field.number === 5 || field.number === 10) checkTensor(this.bytes, field);
      if (field.number === 6 || field.number === 11) {
        throw new GraphRefused(
          `the operator ${quote(operator)} holds a graph of its own, which is not taken`,
        );
      }
      if (field.number === 22 || field.number === 23) {
        throw new GraphRefused(`the operator ${quote(operator)} holds a sparse tensor, which is not taken`);
      }
      if (!/^classlabels_/.test(name)) continue;
      if (field.number === 9) strings.push(nameOf(this.bytes, field));
      // Numbers may be packed or not.
      if (field.number === 8 && (field.type === BYTES || field.type === VARINT)) {
        const values = field.type === BYTES ? varintsOf(this.bytes, field.start, field.end) : [field.value];
        for (const value of values) integers.push(Number(value));
      }
      if (strings.length + integers.length > MAX_CLASSES) {
        throw new GraphRefused(`the classifier has more than ${MAX_CLASSES} classes`);
      }
    }
    if (strings.length > 0) this.classes = strings;
    else if (integers.length > 0 && integers.every(Number.isSafeInteger)) this.classes = integers;
  }
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
