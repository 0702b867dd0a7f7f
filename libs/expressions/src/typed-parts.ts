import { canCast, compile } from './compile.js';
import { ExpressionError } from './expression-error.js';
import { type ExpressionTree, type ScalarType, type ScalarValue, typeOf } from './tree.js';

const MAX_NODES = 500;
const MAX_DEPTH = 50;

/** A part of the tree, with what is needed to put it into a larger one. */
export interface Part {
  readonly tree: ExpressionTree;
  /** Where it stands, as the parser counts. */
  readonly at: number;
  readonly nodes: number;
  readonly depth: number;
  /** A literal whose type its surroundings choose: NULL any, a plain text string or timestamp. */
  readonly open?: 'null' | 'text';
}

/** Puts parts of a tree together: of the right types, within the limits, and with the place of what is wrong. */
export class TypedParts {
  /**
   * @param text the expression
   * @param offset bytes that the parser read before it
   */
  constructor(
    protected readonly text: string,
    protected readonly offset: number,
  ) {}

  protected cast(value: Part, to: ScalarType, at: number): Part {
    if (value.open === 'null') return this.literal(to, null, at);
    const from = typeOf(value.tree);
    if (from === to) return { ...value, open: undefined };
    if (!canCast(from, to)) throw this.error(`a ${from} cannot be cast to ${to}`, at);
    const tree: ExpressionTree = { op: 'cast', to, value: value.tree };
    if (value.tree.op !== 'literal') return this.bounded(tree, [value], at);
    const result = compile(tree)({});
    if (result === null && value.tree.value !== null)
      throw this.error(`${JSON.stringify(value.tree.value)} is no ${to}`, value.at);
    return this.literal(to, result, at);
  }

  protected arithmetic(name: string, shown: string, operands: Part[], at: number): Part {
    const unified = this.numbers(operands, shown, at);
    return this.call(name, typeOf(unified[0]!.tree), unified, at);
  }

  protected numbers(operands: Part[], what: string, at: number): Part[] {
    const unified = this.unify(operands, what, at);
    const type = typeOf(unified[0]!.tree);
    if (type === 'int64' || type === 'float64') return unified;
    const hint = type === 'timestamp' ? '; see date_diff' : type === 'string' ? '; see ||' : '';
    throw this.error(`${what} takes numbers, not ${type}${hint}`, at);
  }

  protected compare(name: string, left: Part, right: Part, at: number): Part {
    return this.call(name, 'boolean', this.unify([left, right], 'a comparison', at), at);
  }

  /** A call whose arguments have one type, which its answer has, too. */
  protected uniform(name: string, args: Part[], at: number): Part {
    const unified = this.unify(args, name, at);
    return this.call(name, typeOf(unified[0]!.tree), unified, at);
  }

  protected isNull(value: Part, at: number): Part {
    return this.call('is_null', 'boolean', [value], at);
  }

  protected not(value: Part, at: number): Part {
    return this.call('not', 'boolean', [value], at);
  }

  /** Parts of one type: int64 becomes float64 beside one, a plain text a timestamp beside one, NULL anything. */
  protected unify(parts: Part[], what: string, at: number): Part[] {
    const types = new Set(parts.filter(({ open }) => open !== 'null').map(({ tree }) => typeOf(tree)));
    if (types.size === 0) throw this.error(`${what} has no value but NULL`, at);
    const fixed = parts.filter(({ open }) => !open).map(({ tree }) => typeOf(tree));
    const type = types.has('float64') ? 'float64' : (fixed[0] ?? [...types][0]!);
    const odd = parts.find((part) => !this.fits(part, type));
    if (odd) throw this.error(`${what} takes one type, not ${type} and ${typeOf(odd.tree)}`, odd.at);
    return parts.map((part) => this.as(part, type, what));
  }

  private fits({ tree, open }: Part, type: ScalarType): boolean {
    const from = typeOf(tree);
    if (from === type || open === 'null') return true;
    return type === 'float64' ? from === 'int64' : type === 'timestamp' && open === 'text';
  }

  protected as(part: Part, type: ScalarType, what: string): Part {
    if (!this.fits(part, type))
      throw this.error(`${what} must be ${type}, got ${typeOf(part.tree)}`, part.at);
    return this.cast(part, type, part.at);
  }

  protected literal(type: ScalarType, value: ScalarValue, at: number): Part {
    return this.bounded({ op: 'literal', type, value }, [], at);
  }

  protected call(name: string, type: ScalarType, args: Part[], at: number): Part {
    return this.bounded({ op: 'call', name, type, args: args.map(({ tree }) => tree) }, args, at);
  }

  protected bounded(tree: ExpressionTree, inner: readonly Part[], at: number): Part {
    let [nodes, depth] = [1, 1];
    for (const part of inner) {
      nodes += part.nodes;
      depth = Math.max(depth, part.depth + 1);
    }
    if (nodes > MAX_NODES) throw this.error(`an expression has at most ${MAX_NODES} nodes`, at);
    if (depth > MAX_DEPTH) throw this.error(`an expression is at most ${MAX_DEPTH} levels deep`, at);
    return { tree, at, nodes, depth };
  }

  protected error(message: string, at: number): ExpressionError {
    return new ExpressionError(message, Array.from(this.text.slice(0, this.indexOf(at))).length + 1);
  }

  /** Place in the text of what the parser counts in bytes of UTF-8. */
  protected indexOf(at: number): number {
    return Buffer.from(this.text)
      .subarray(0, at - this.offset)
      .toString().length;
  }
}
