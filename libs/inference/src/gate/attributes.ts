import { GraphRefused } from '../errors.js';
import { type ScannedTensor, checkTensor, numbersOf } from './tensor-scan.js';
import {
  BYTES,
  countFixed32,
  fieldsOf,
  integersOf,
  textOf,
  VARINT,
  varintsOf,
  type WireField,
} from './wire-reader.js';

/** AttributeProto.AttributeType of onnx.proto. */
const TYPES = { INT: 2, STRING: 3, TENSOR: 4, FLOATS: 6, INTS: 7, STRINGS: 8 } as const;

/**
 * The attributes of a node whose operator a runtime trusts with its memory: how long they are, and what they say. They
 * stay in the file; only integers are copied, when they are asked for.
 */
export class Attributes {
  private readonly found = new Map<string, { readonly type: number; readonly field: WireField }>();

  constructor(
    private readonly bytes: Uint8Array,
    private readonly operator: string,
  ) {}

  /**
   * @param type AttributeProto.AttributeType
   * @throws GraphRefused for a second one of its name: readers may take either
   */
  add(name: string, type: number, field: WireField): void {
    if (this.found.has(name)) throw this.refused(`${name} twice`);
    this.found.set(name, { type, field });
  }

  /** The error for an attribute that is not as it must be. */
  refused(fault: string): GraphRefused {
    return new GraphRefused(`the operator ${this.operator} has ${fault}`);
  }

  /** Empty where there is none. @throws GraphRefused where one does not fit in 32 bits, as runtimes cut it off there */
  integers(name: string): Int32Array {
    const field = this.find(name, 'INTS');
    const values = field ? integersOf(this.bytes, 8, field.start, field.end) : new Int32Array();
    if (!values) throw this.refused(`a number in ${name} that does not fit in 32 bits`);
    return values;
  }

  /** Integers of 64 bits. @throws GraphRefused where one is larger than a number can be */
  longs(name: string): number[] {
    const field = this.find(name, 'INTS');
    const values: number[] = [];
    if (!field) return values;
    for (const each of fieldsOf(this.bytes, field.start, field.end)) {
      if (each.number !== 8) continue;
      const found = each.type === BYTES ? varintsOf(this.bytes, each.start, each.end) : [each.value];
      for (const value of found) values.push(Number(value));
    }
    if (!values.every(Number.isSafeInteger)) throw this.refused(`a number in ${name} beyond 2^53`);
    return values;
  }

  integer(name: string): number | undefined {
    const field = this.find(name, 'INT');
    const value = field && this.fieldsOf(field, 3, VARINT).at(-1)?.value;
    return value === undefined ? undefined : Number(value);
  }

  text(name: string): string | undefined {
    const field = this.find(name, 'STRING');
    const value = field && this.fieldsOf(field, 4, BYTES).at(-1);
    return value && textOf(this.bytes, value);
  }

  *texts(name: string): Generator<string> {
    const field = this.find(name, 'STRINGS');
    if (!field) return;
    for (const each of fieldsOf(this.bytes, field.start, field.end)) {
      if (each.number === 9) yield textOf(this.bytes, each);
    }
  }

  /** How many numbers a list of floats has. */
  floats(name: string): number {
    const field = this.find(name, 'FLOATS');
    return field ? countFixed32(this.bytes, 7, field.start, field.end) : 0;
  }

  /** The numbers of a list of floats, one after the other. */
  *floatValues(name: string): Generator<number> {
    const field = this.find(name, 'FLOATS');
    if (!field) return;
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    for (const { number, start, end } of fieldsOf(this.bytes, field.start, field.end)) {
      if (number === 7) for (let at = start; at + 4 <= end; at += 4) yield view.getFloat32(at, true);
    }
  }

  tensor(name: string): ScannedTensor | undefined {
    const field = this.find(name, 'TENSOR');
    const value = field && this.fieldsOf(field, 5, BYTES).at(-1);
    return value && checkTensor(this.bytes, value);
  }

  /** The numbers of a tensor of uint8, float or double, one after the other. */
  numbers(name: string): Iterable<number> {
    const tensor = this.tensor(name);
    return tensor ? numbersOf(this.bytes, tensor) : [];
  }

  private fieldsOf(field: WireField, number: number, type: WireField['type']): WireField[] {
    return [...fieldsOf(this.bytes, field.start, field.end)].filter(
      (each) => each.number === number && each.type === type,
    );
  }

  private find(name: string, type: keyof typeof TYPES): WireField | undefined {
    const found = this.found.get(name);
    if (found && found.type !== TYPES[type]) throw this.refused(`${name} of another type than ${type}`);
    return found?.field;
  }
}
