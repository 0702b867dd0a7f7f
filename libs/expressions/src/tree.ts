export const SCALAR_TYPES = ['int64', 'float64', 'boolean', 'string', 'timestamp'] as const;
export type ScalarType = (typeof SCALAR_TYPES)[number];

/** A value of JSON: int64 past ±(2^53 - 1) as decimal text, a timestamp as `YYYY-MM-DDTHH:MM:SS.ffffffZ`. */
export type ScalarValue = number | string | boolean | null;

/** What a `call` may name; docs/expressions.md says what each takes and answers. */
export const CALLS = [
  ...['and', 'or', 'not', 'eq', 'ne', 'lt', 'le', 'gt', 'ge', 'in', 'is_null'],
  ...['coalesce', 'nullif', 'greatest', 'least'],
  ...['add', 'subtract', 'multiply', 'divide', 'div', 'mod', 'negate'],
  ...['abs', 'sign', 'ceil', 'floor', 'round', 'sqrt', 'exp', 'ln', 'log10', 'power'],
  ...['length', 'lower', 'upper', 'trim', 'ltrim', 'rtrim', 'substring', 'left', 'right', 'replace'],
  ...['append', 'concat', 'starts_with', 'ends_with', 'contains'],
  ...['extract_year', 'extract_month', 'extract_day', 'extract_hour', 'extract_minute', 'extract_second'],
  ...['extract_dow', 'extract_epoch'],
  ...['date_diff_day', 'date_diff_hour', 'date_diff_minute', 'date_diff_second'],
] as const;

/** An expression as it is kept and sent to the trainer; contracts/expression.v1.schema.json. */
export type ExpressionTree =
  | { op: 'literal'; type: ScalarType; value: ScalarValue }
  | { op: 'column'; name: string; type: ScalarType }
  | { op: 'cast'; to: ScalarType; value: ExpressionTree }
  | { op: 'call'; name: string; type: ScalarType; args: ExpressionTree[] }
  | { op: 'case'; type: ScalarType; when: [ExpressionTree, ExpressionTree][]; else: ExpressionTree };

export function typeOf(tree: ExpressionTree): ScalarType {
  return tree.op === 'cast' ? tree.to : tree.type;
}

/** Names of the columns that a tree reads, each once. */
export function columnsOf(tree: ExpressionTree): string[] {
  const names = new Set<string>();
  const visit = (node: ExpressionTree): void => {
    if (node.op === 'column') names.add(node.name);
    else if (node.op === 'cast') visit(node.value);
    else if (node.op === 'call') node.args.forEach(visit);
    else if (node.op === 'case') [...node.when.flat(), node.else].forEach(visit);
  };
  visit(tree);
  return [...names];
}
