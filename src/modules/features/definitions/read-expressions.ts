import { ExpressionError, type ExpressionTree, parseExpression, type ScalarType } from '#libs/expressions';
import type { FieldError } from '../../../platform/errors/problem.js';
import { closest } from './read-names.js';
import type { FeatureType } from './definitions.js';

/** What a cast in PostgreSQL's spelling calls the types. */
const SQL_NAMES: Record<ScalarType, string> = {
  int64: 'bigint',
  float64: 'double precision',
  boolean: 'boolean',
  string: 'text',
  timestamp: 'timestamptz',
};

/**
 * What the text of an expression means.
 * @param columns types of what it may read
 * @param type what its value must be
 * @param errors gets a fault
 * @returns undefined where it is at fault
 */
export async function readExpression(
  text: string,
  columns: ReadonlyMap<string, FeatureType>,
  type: FeatureType,
  pointer: string,
  errors: FieldError[],
): Promise<ExpressionTree | undefined> {
  try {
    const parsed = await parseExpression(text, columns, closest);
    if (parsed.type === type) return parsed.tree;
    const cast = type in SQL_NAMES ? `; cast it: cast(… as ${SQL_NAMES[type as ScalarType]})` : '';
    errors.push({ pointer, message: `has values of ${parsed.type}, and must have ${type}${cast}` });
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    errors.push({ pointer, message: `${error.message} (at character ${error.position})` });
  }
  return undefined;
}

/** The condition of an aggregation over columns of its source; null where it is at fault. */
export async function readCondition(
  text: string,
  columns: Readonly<Record<string, ScalarType>>,
  pointer: string,
  errors: FieldError[],
): Promise<ExpressionTree | null> {
  const types = new Map<string, FeatureType>(Object.entries(columns));
  return (await readExpression(text, types, 'boolean', pointer, errors)) ?? null;
}
