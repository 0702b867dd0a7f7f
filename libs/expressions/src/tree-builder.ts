import { type ExpressionError } from './expression-error.js';
import { ALIASES, FUNCTIONS, SPECIAL_FUNCTIONS, TYPE_NAMES } from './functions.js';
import { parseInteger } from './integers.js';
import { MICROSECONDS, PARTS } from './timestamps.js';
import { type ExpressionTree, SCALAR_TYPES, type ScalarType, type ScalarValue, typeOf } from './tree.js';
import { type Part, TypedParts } from './typed-parts.js';

/** A node as PostgreSQL's parser answers it: an object with the node's kind as its only key, or its fields. */
export type Ast = Readonly<Record<string, unknown>>;

const MAX_DIGITS = 20;

const OPERATORS: Readonly<Record<string, string>> = {
  '=': 'eq',
  '<>': 'ne',
  '<': 'lt',
  '<=': 'le',
  '>': 'gt',
  '>=': 'ge',
  '+': 'add',
  '-': 'subtract',
  '*': 'multiply',
  '/': 'divide',
  '%': 'mod',
  '^': 'power',
  '||': 'append',
};
const COMPARISONS = new Set(['eq', 'ne', 'lt', 'le', 'gt', 'ge']);

/** What is told of nodes that no expression may have. */
const REFUSED: Readonly<Record<string, string>> = {
  A_ArrayExpr: 'an array',
  A_Indirection: 'a subscript or field',
  CollateClause: 'a collation',
  ParamRef: 'a parameter',
  RowExpr: 'a list of values',
  SQLValueFunction: 'a word that SQL keeps for itself (a column of this name stands in double quotes)',
  SubLink: 'a query',
};

/** Turns what PostgreSQL's parser read into a typed tree, and refuses all that is not on its list. */
export class TreeBuilder extends TypedParts {
  /**
   * @param text the expression
   * @param offset bytes that the parser read before it
   */
  constructor(
    text: string,
    offset: number,
    private readonly columns: ReadonlyMap<string, string>,
    private readonly nearest: (wrong: string, names: Iterable<string>) => string | null,
  ) {
    super(text, offset);
  }

  build(ast: Ast): ExpressionTree {
    const part = this.part(ast, this.offset);
    if (part.open === 'null')
      throw this.error('is always NULL: give it a type, as in cast(null as int64)', part.at);
    return part.tree;
  }

  private part(ast: Ast, near: number): Part {
    const kind = Object.keys(ast)[0]!;
    const fields = ast[kind] as Ast;
    const at = typeof fields['location'] === 'number' && fields['location'] >= 0 ? fields['location'] : near;
    const part = (field: string) => this.part(fields[field] as Ast, at);
    const parts = (list: unknown) => ((list as Ast[] | undefined) ?? []).map((each) => this.part(each, at));
    switch (kind) {
      case 'A_Const':
        return this.constant(fields, at);
      case 'ColumnRef':
        return this.column(fields['fields'] as Ast[], at);
      case 'TypeCast':
        return this.cast(part('arg'), this.typeNamed(fields['typeName'] as Ast, at), at);
      case 'BoolExpr': {
        const name = String(fields['boolop']).replace('_EXPR', '').toLowerCase();
        return this.call(
          name,
          'boolean',
          parts(fields['args']).map((each) => this.as(each, 'boolean', name)),
          at,
        );
      }
      case 'NullTest': {
        const isNull = this.isNull(part('arg'), at);
        return fields['nulltesttype'] === 'IS_NULL' ? isNull : this.not(isNull, at);
      }
      case 'BooleanTest':
        return this.booleanTest(
          String(fields['booltesttype']),
          this.as(part('arg'), 'boolean', 'this test'),
          at,
        );
      case 'CoalesceExpr':
        return this.uniform('coalesce', parts(fields['args']), at);
      case 'MinMaxExpr':
        return this.uniform(fields['op'] === 'IS_LEAST' ? 'least' : 'greatest', parts(fields['args']), at);
      case 'CaseExpr':
        return this.caseOf(fields, at);
      case 'FuncCall':
        return this.functionCall(fields, parts(fields['args']), at);
      case 'A_Expr': {
        const right = fields['rexpr'] as Ast;
        const list = right['List'] as Ast | undefined;
        const operands = list ? parts(list['items']) : [this.part(right, at)];
        if (fields['lexpr']) operands.unshift(part('lexpr'));
        return this.operation(String(fields['kind']), nameOf(fields['name']), operands, at);
      }
      default:
        throw this.error(`${REFUSED[kind] ?? 'this'} is not allowed in an expression`, at);
    }
  }

  private constant(fields: Ast, at: number): Part {
    if (fields['isnull']) return { ...this.literal('boolean', null, at), open: 'null' };
    const text = fields['sval'] as Ast | undefined;
    if (text) return { ...this.literal('string', String(text['sval'] ?? ''), at), open: 'text' };
    const flag = fields['boolval'] as Ast | undefined;
    if (flag) return this.literal('boolean', flag['boolval'] === true, at);
    const whole = fields['ival'] as Ast | undefined;
    if (whole) return this.literal('int64', Number(whole['ival'] ?? 0), at);
    const digits = String((fields['fval'] as Ast | undefined)?.['fval'] ?? '').replaceAll('_', '');
    if (/^-?\d+$/.test(digits)) {
      const integer = parseInteger(digits);
      if (integer === null)
        throw this.error(`${digits} is no int64; with a point or exponent it is a float64`, at);
      return this.literal('int64', typeof integer === 'bigint' ? String(integer) : integer, at);
    }
    const number = /^-?[\d.]+(e[+-]?\d+)?$/i.test(digits) ? Number(digits) : NaN;
    if (!Number.isFinite(number))
      throw this.error(`${digits || 'this literal'} is no ${SCALAR_TYPES.join(', ')}`, at);
    return this.literal('float64', number + 0, at);
  }

  private column(fields: Ast[], at: number): Part {
    if (fields.length > 1 || !fields[0]!['String']) throw this.error('a column is named by one name', at);
    const index = this.indexOf(at);
    const parsed = nameOf(fields);
    // The name as it is written: the parser folds names that are not quoted, and cuts long ones.
    const written = /^[\w$\u0080-\uffff]+(?!&")/.exec(this.text.slice(index))?.[0];
    const quoted = this.text.startsWith(`"${parsed}"`, index) ? [parsed] : [];
    const candidates = written === undefined ? quoted : [written, written.toLowerCase()];
    const name = candidates.find((each) => this.columns.has(each));
    if (name === undefined) throw this.unknown('column', candidates[0] ?? parsed, this.columns.keys(), at);
    const type = this.columns.get(name)!;
    if (!(SCALAR_TYPES as readonly string[]).includes(type))
      throw this.error(`column ${name} is a ${type}; expressions read ${SCALAR_TYPES.join(', ')}`, at);
    return this.bounded({ op: 'column', name, type: type as ScalarType }, [], at);
  }

  private typeNamed(typeName: Ast, at: number): ScalarType {
    const name = nameOf((typeName['names'] as unknown[]).slice(-1));
    const type = TYPE_NAMES[name];
    if (!type || typeName['typmods'] || typeName['arrayBounds'])
      throw this.error(
        `casts are to ${SCALAR_TYPES.join(', ')}, not to ${type ? `a ${name} with limits` : name}`,
        at,
      );
    return type;
  }

  private booleanTest(test: string, value: Part, at: number): Part {
    if (test.endsWith('UNKNOWN')) {
      const isNull = this.isNull(value, at);
      return test === 'IS_UNKNOWN' ? isNull : this.not(isNull, at);
    }
    const wanted = test.endsWith('TRUE') ? value : this.not(value, at);
    const isSo = this.call('coalesce', 'boolean', [wanted, this.literal('boolean', false, at)], at);
    return test.startsWith('IS_NOT') ? this.not(isSo, at) : isSo;
  }

  private caseOf(fields: Ast, at: number): Part {
    const subject = fields['arg'] ? this.part(fields['arg'] as Ast, at) : null;
    const branches = (fields['args'] as { CaseWhen: Ast }[]).map(({ CaseWhen: branch }) => {
      const condition = this.part(branch['expr'] as Ast, at);
      return {
        when: subject ? this.compare('eq', subject, condition, at) : this.as(condition, 'boolean', 'when'),
        then: this.part(branch['result'] as Ast, at),
      };
    });
    const otherwise = fields['defresult']
      ? this.part(fields['defresult'] as Ast, at)
      : ({ ...this.literal('boolean', null, at), open: 'null' } as const);
    const results = this.unify([...branches.map(({ then }) => then), otherwise], 'case', at);
    const last = results.at(-1)!;
    const when = branches.map((branch, index) => [branch.when, results[index]!] as const);
    const tree: ExpressionTree = {
      op: 'case',
      type: typeOf(last.tree),
      when: when.map(([condition, then]) => [condition.tree, then.tree]),
      else: last.tree,
    };
    return this.bounded(tree, [...when.flat(), last], at);
  }

  private operation(kind: string, operator: string, operands: Part[], at: number): Part {
    const [left, right, third] = operands as [Part, Part, Part];
    switch (kind) {
      case 'AEXPR_NULLIF':
        return this.uniform('nullif', operands, at);
      case 'AEXPR_IN': {
        const isIn = this.call('in', 'boolean', this.unify(operands, 'in', at), at);
        return operator === '<>' ? this.not(isIn, at) : isIn;
      }
      case 'AEXPR_BETWEEN':
      case 'AEXPR_NOT_BETWEEN': {
        const bounds = [this.compare('ge', left, right, at), this.compare('le', left, third, at)];
        const isBetween = this.call('and', 'boolean', bounds, at);
        return kind === 'AEXPR_BETWEEN' ? isBetween : this.not(isBetween, at);
      }
      case 'AEXPR_DISTINCT':
      case 'AEXPR_NOT_DISTINCT': {
        const bothNull = [this.isNull(left, at), this.isNull(right, at)];
        const either = [this.compare('eq', left, right, at), this.call('and', 'boolean', bothNull, at)];
        const isSame = this.call('coalesce', 'boolean', either, at);
        return kind === 'AEXPR_NOT_DISTINCT' ? isSame : this.not(isSame, at);
      }
      case 'AEXPR_OP':
        break;
      default:
        throw this.error('this operator is not allowed in an expression', at);
    }
    if (operands.length === 1) return this.signed(operator, left, at);
    const name = OPERATORS[operator];
    if (!name) throw this.error(`the operator ${operator} is not allowed in an expression`, at);
    if (COMPARISONS.has(name)) return this.compare(name, left, right, at);
    if (name === 'append')
      return this.call(
        name,
        'string',
        operands.map((each) => this.as(each, 'string', '||')),
        at,
      );
    if (name === 'divide' || name === 'power')
      return this.call(
        name,
        'float64',
        operands.map((each) => this.as(each, 'float64', operator)),
        at,
      );
    return this.arithmetic(name, operator, operands, at);
  }

  private signed(operator: string, operand: Part, at: number): Part {
    if (operator !== '-' && operator !== '+')
      throw this.error(`the operator ${operator} is not allowed in an expression`, at);
    const [number] = this.numbers([operand], operator, at) as [Part];
    return operator === '-' ? this.call('negate', typeOf(number.tree), [number], at) : number;
  }

  private functionCall(fields: Ast, args: Part[], at: number): Part {
    const extra = Object.keys(fields).some(
      (key) => !['funcname', 'args', 'funcformat', 'location'].includes(key),
    );
    const given = nameOf((fields['funcname'] as unknown[]).slice(-1));
    if (extra) throw this.error(`${given} is no aggregate or window function here`, at);
    const name = ALIASES[given] ?? given;
    if ((SPECIAL_FUNCTIONS as readonly string[]).includes(name)) return this.special(name, args, at);
    const signature = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    if (!signature)
      throw this.unknown(
        'function',
        given,
        [...Object.keys(FUNCTIONS), ...SPECIAL_FUNCTIONS, ...Object.keys(ALIASES)],
        at,
      );
    const { parameters, required = parameters.length, result } = signature;
    this.checkCount(given, args, required, parameters.length, at);
    const typed = args.map((arg, index) => {
      const parameter = parameters[index]!;
      if (parameter === 'number') return this.numbers([arg], given, at)[0]!;
      return this.as(arg, parameter, `argument ${index + 1} of ${given}`);
    });
    const type = result === 'same' ? typeOf(typed[0]!.tree) : result;
    // A whole number is its own floor and ceiling.
    if ((name === 'ceil' || name === 'floor') && type === 'int64') return typed[0]!;
    return this.call(name, type, typed, at);
  }

  private special(name: string, args: Part[], at: number): Part {
    switch (name) {
      case 'mod':
      case 'div':
        this.checkCount(name, args, 2, 2, at);
        return this.arithmetic(name, name, args, at);
      case 'round':
        return this.round(args, at);
      case 'concat':
        this.checkCount(name, args, 1, Infinity, at);
        return this.call(
          name,
          'string',
          args.map((each) => this.cast(each, 'string', each.at)),
          at,
        );
      case 'extract':
      case 'date_part': {
        this.checkCount(name, args, 2, 2, at);
        const part = this.partOfTime(name, args[0]!, Object.keys(PARTS));
        const type = part === 'second' || part === 'epoch' ? 'float64' : 'int64';
        return this.call(`extract_${part}`, type, [this.as(args[1]!, 'timestamp', name)], at);
      }
      case 'date_diff': {
        this.checkCount(name, args, 3, 3, at);
        const part = this.partOfTime(name, args[0]!, Object.keys(MICROSECONDS));
        const times = args.slice(1).map((each) => this.as(each, 'timestamp', name));
        return this.call(`date_diff_${part}`, 'int64', times, at);
      }
      default:
        if (name === 'nullif') this.checkCount(name, args, 2, 2, at);
        return this.uniform(name, args, at);
    }
  }

  private round(args: Part[], at: number): Part {
    this.checkCount('round', args, 1, 2, at);
    const value = this.unify([args[0]!], 'round', at)[0]!;
    if (args.length === 1 && typeOf(value.tree) === 'int64') return value;
    const number = this.as(value, 'float64', 'argument 1 of round');
    if (args.length === 1) return this.call('round', 'float64', [number], at);
    const digits = args[1]!.tree;
    if (digits.op !== 'literal' || digits.type !== 'int64' || Math.abs(Number(digits.value)) > MAX_DIGITS)
      throw this.error(
        `argument 2 of round must be a whole number from -${MAX_DIGITS} to ${MAX_DIGITS}`,
        args[1]!.at,
      );
    return this.call('round', 'float64', [number, args[1]!], at);
  }

  private partOfTime(name: string, part: Part, allowed: string[]): string {
    const found =
      part.open === 'text' ? String((part.tree as { value: ScalarValue }).value).toLowerCase() : '';
    if (!allowed.includes(found))
      throw this.error(`argument 1 of ${name} must be one of ${allowed.join(', ')}`, part.at);
    return found;
  }

  private checkCount(name: string, args: Part[], least: number, most: number, at: number): void {
    if (args.length >= least && args.length <= most) return;
    const range = most === Infinity ? `${least} or more` : least === most ? `${most}` : `${least} to ${most}`;
    throw this.error(`${name} takes ${range} arguments, got ${args.length}`, at);
  }

  private unknown(what: string, name: string, names: Iterable<string>, at: number): ExpressionError {
    const near = this.nearest(name, names);
    return this.error(`there is no ${what} ${name}${near === null ? '' : `; is ${near} meant?`}`, at);
  }
}

/** The only name of a list that the parser answers. */
function nameOf(list: unknown): string {
  return (list as { String?: { sval: string } }[])[0]?.String?.sval ?? '';
}
