export { compile } from './compile.js';
export type { ExpressionRow } from './compile.js';
export { ExpressionError } from './expression-error.js';
export { parseExpression } from './parse.js';
export type { ParsedExpression } from './parse.js';
export { columnsOf, SCALAR_TYPES, typeOf } from './tree.js';
export type { ExpressionTree, ScalarType, ScalarValue } from './tree.js';
