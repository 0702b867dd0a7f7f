import { refuseOperator } from '../gate/operators.js';
import { fieldsOf, textOf, type WireField } from '../gate/wire-reader.js';
import { Message } from './message.js';

/** Graphs cannot become one. The message is the end of a sentence about the whole: "it cannot be, because …". */
export class NotComposable extends Error {}

/** Data types of onnx.proto's TensorProto. */
export const FLOAT = 1;
export const INT64 = 7;
export const STRING = 8;
export const BOOL = 9;
export const DOUBLE = 11;
export type ElementType = typeof FLOAT | typeof INT64 | typeof STRING | typeof DOUBLE;

/** Versions of the operators that our trainer writes graphs in, TARGET_OPSET of onnx_export.py, by domain. */
const OPSETS = new Map([
  ['', 21n],
  ['ai.onnx.ml', 3n],
]);
const INT_ATTRIBUTE = 2;
const IR_VERSION = 1;
const OPSET = 8;
const GRAPH = 7;
const METADATA = 14;

/**
 * Writes one ONNX graph (onnx.proto, ModelProto) of nodes of its own and of whole other graphs, whose names get a prefix.
 * Tensors are known by their names.
 */
export class GraphWriter {
  private readonly graph = new Message();
  private irVersion = 0n;
  private made = 0;

  constructor(name: string) {
    this.graph.text(2, name);
  }

  /** @param columns second dimension, after that of the rows; none where the shape is [n] */
  input(name: string, type: ElementType, columns?: number): string {
    this.graph.bytes(11, valueInfo(name, type, columns));
    return name;
  }

  output(name: string, type: ElementType, columns?: number): void {
    this.graph.bytes(12, valueInfo(name, type, columns));
  }

  /** @param shape of the values; a list of one dimension where absent */
  doubles(values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.constant(DOUBLE, shape, (tensor) => tensor.bytes(9, bytesOf(Float64Array.from(values))));
  }

  integers(values: readonly number[], shape: readonly number[] = [values.length]): string {
    const packed = BigInt64Array.from(values, (value) => BigInt(value));
    return this.constant(INT64, shape, (tensor) => tensor.bytes(9, bytesOf(packed)));
  }

  texts(values: readonly string[], shape: readonly number[] = [values.length]): string {
    return this.constant(STRING, shape, (tensor) => {
      for (const value of values) tensor.text(6, value);
    });
  }

  /**
   * Adds a node of the domain ai.onnx.
   * @param attributes integers by name
   * @param output its name; one of the writer's own where absent
   * @returns the name of its output
   */
  node(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, number>> = {},
    output = this.nextName(),
  ): string {
    const node = new Message();
    for (const input of inputs) node.text(1, input);
    node.text(2, output).text(4, operator);
    for (const [name, value] of Object.entries(attributes))
      node.bytes(5, new Message().text(1, name).integer(3, value).integer(20, INT_ATTRIBUTE));
    this.graph.bytes(1, node);
    return output;
  }

  /**
   * Makes another graph a part of this one. Its bytes are referred to and must not change.
   * @param prefix of all its names, which no other name begins with
   * @param feeds for each of its inputs the tensor that takes its place
   * @returns the name here of a tensor there
   * @throws NotComposable where it has an input that is not fed, or an operator that uploads may not have, or is written in
   * operators of another version than our trainer's
   */
  embed(bytes: Uint8Array, prefix: string, feeds: ReadonlyMap<string, string>): (name: string) => string {
    const renamed = (name: string) => (name === '' ? '' : (feeds.get(name) ?? prefix + name));
    for (const field of fieldsOf(bytes)) {
      if (field.number === IR_VERSION && field.value > this.irVersion) this.irVersion = field.value;
      if (field.number === OPSET) refuseOtherVersion(bytes, field);
      if (field.number === GRAPH) this.embedGraph(bytes, field, renamed, feeds);
      if (field.number === 25) throw new NotComposable('defines functions of its own');
    }
    return renamed;
  }

  /** The whole file. @param metadata goes into the model's metadata_props */
  model(producer: string, metadata: Readonly<Record<string, string>>): Message {
    const model = new Message()
      .integer(IR_VERSION, this.irVersion)
      .text(2, producer)
      .bytes(GRAPH, this.graph);
    for (const [domain, version] of OPSETS)
      model.bytes(OPSET, new Message().text(1, domain).integer(2, version));
    for (const [key, value] of Object.entries(metadata))
      model.bytes(METADATA, new Message().text(1, key).text(2, value));
    return model;
  }

  private embedGraph(
    bytes: Uint8Array,
    { start, end }: WireField,
    renamed: (name: string) => string,
    feeds: ReadonlyMap<string, string>,
  ): void {
    for (const field of fieldsOf(bytes, start, end)) {
      if (field.number === 1) this.graph.bytes(1, nodeOf(bytes, field, renamed));
      if (field.number === 5) this.graph.bytes(5, withNames(bytes, field, { 8: renamed }));
      if (field.number === 11) {
        const name = nameOf(bytes, field);
        if (!feeds.has(name)) throw new NotComposable(`takes the input '${name}', which no feature feeds`);
      }
      if (field.number === 15) throw new NotComposable('has sparse initializers');
    }
  }

  private constant(type: ElementType, shape: readonly number[], fill: (tensor: Message) => void): string {
    const name = this.nextName();
    const tensor = new Message();
    for (const size of shape) tensor.integer(1, size);
    tensor.integer(2, type);
    fill(tensor);
    this.graph.bytes(5, tensor.text(8, name));
    return name;
  }

  private nextName(): string {
    return `combined_${++this.made}`;
  }
}

function refuseOtherVersion(bytes: Uint8Array, { start, end }: WireField): void {
  let domain = '';
  let version = 0n;
  for (const field of fieldsOf(bytes, start, end)) {
    if (field.number === 1) domain = textOf(bytes, field);
    if (field.number === 2) version = field.value;
  }
  if (OPSETS.get(domain) === version) return;
  const name = domain || 'ai.onnx';
  throw new NotComposable(
    `is written in version ${version} of the operators of ${name}, and not in ${OPSETS.get(domain) ?? 'any that is known'}; train its model again`,
  );
}

/** What the gate takes has no subgraph, in which names would have to change, too. */
function nodeOf(bytes: Uint8Array, node: WireField, renamed: (name: string) => string): Message {
  let operator = '';
  let domain = '';
  for (const field of fieldsOf(bytes, node.start, node.end)) {
    if (field.number === 4) operator = textOf(bytes, field);
    if (field.number === 7) domain = textOf(bytes, field);
  }
  const refusal = refuseOperator(domain, operator);
  if (refusal !== null) throw new NotComposable(`cannot be a part of another: ${refusal}`);
  return withNames(bytes, node, { 1: renamed, 2: renamed, 3: renamed });
}

/** A message whose fields of these numbers hold names. */
function withNames(
  bytes: Uint8Array,
  { start, end }: WireField,
  rename: Readonly<Record<number, (name: string) => string>>,
): Message {
  const message = new Message();
  for (const field of fieldsOf(bytes, start, end)) {
    const change = rename[field.number];
    if (change) message.text(field.number, change(textOf(bytes, field)));
    else message.field(bytes, field);
  }
  return message;
}

/** Name of a ValueInfoProto. */
function nameOf(bytes: Uint8Array, { start, end }: WireField): string {
  for (const field of fieldsOf(bytes, start, end)) if (field.number === 1) return textOf(bytes, field);
  return '';
}

function valueInfo(name: string, type: ElementType, columns: number | undefined): Message {
  const shape = new Message().bytes(1, new Message().text(2, 'n'));
  if (columns !== undefined) shape.bytes(1, new Message().integer(1, columns));
  const tensor = new Message().integer(1, type).bytes(2, shape);
  return new Message().text(1, name).bytes(2, new Message().bytes(1, tensor));
}

/** ONNX stores numbers with their lowest byte first, as every machine that Node runs on does. */
function bytesOf({ buffer, byteOffset, byteLength }: Float64Array | BigInt64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
