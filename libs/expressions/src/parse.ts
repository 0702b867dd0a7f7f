import { ExpressionError } from './expression-error.js';
import { type Ast, TreeBuilder } from './tree-builder.js';
import { type ExpressionTree, type ScalarType, typeOf } from './tree.js';

export const MAX_EXPRESSION_LENGTH = 2_000;

export interface ParsedExpression {
  readonly tree: ExpressionTree;
  readonly type: ScalarType;
}

/** The name of the list that was most likely meant, or null. */
export type Nearest = (wrong: string, names: Iterable<string>) => string | null;

/** What PostgreSQL's parser reads before the text. */
const PREFIX = 'SELECT ';
/** What the parser tells of every SELECT; a further key is a clause such as FROM. */
const CLAUSES = ['targetList', 'limitOption', 'op'];

/**
 * Parses and types a scalar expression in PostgreSQL's spelling; docs/expressions.md.
 * @param columns types of the columns that it may read, by name
 * @param nearest finds the name to propose in the message about an unknown one
 * @throws ExpressionError
 */
export async function parseExpression(
  text: string,
  columns: ReadonlyMap<string, string>,
  nearest: Nearest = () => null,
): Promise<ParsedExpression> {
  if (text.length > MAX_EXPRESSION_LENGTH)
    throw new ExpressionError(`an expression has at most ${MAX_EXPRESSION_LENGTH} characters`, 1);
  const unfit = /[\0\p{Surrogate}]/u.exec(text);
  if (unfit)
    throw new ExpressionError(
      'half a surrogate pair or NUL',
      Array.from(text.slice(0, unfit.index)).length + 1,
    );
  const tree = new TreeBuilder(text, PREFIX.length, columns, nearest).build(await onlyTarget(text));
  return { tree, type: typeOf(tree) };
}

/** The one expression that the text is. */
async function onlyTarget(text: string): Promise<Ast> {
  // Its WebAssembly is loaded only by processes that parse.
  const parser = await import('libpg-query');
  await parser.loadModule();
  let statements: { stmt: Ast }[] | undefined;
  try {
    ({ stmts: statements } = parser.parseSync(PREFIX + text) as { stmts?: { stmt: Ast }[] });
  } catch (error) {
    if (!parser.hasSqlDetails(error)) throw error;
    const { message, cursorPosition } = error.sqlDetails!;
    throw new ExpressionError(message, Math.max(1, cursorPosition - PREFIX.length + 1));
  }
  const select = statements?.[0]?.stmt['SelectStmt'] as Ast | undefined;
  const targets = (select?.['targetList'] ?? []) as { ResTarget: Ast }[];
  const clauses = Object.keys(select ?? {}).filter((key) => !CLAUSES.includes(key));
  if (targets.length === 0 && clauses.length === 0) throw new ExpressionError('the expression is empty', 1);
  const { name, indirection, val } = targets[0]?.ResTarget ?? {};
  const isOne = statements?.length === 1 && targets.length === 1 && clauses.length === 0;
  if (!isOne || name !== undefined || indirection !== undefined)
    throw new ExpressionError('one expression is expected, and nothing behind it', 1);
  return val as Ast;
}
