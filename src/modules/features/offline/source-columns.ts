import type { ExpressionTree, StoredView } from '../definitions/definitions.js';

/** Columns of a view's own source by what the view calls them: a feature, or a column of its aggregations. */
export function sourceColumns({ features, aggregations }: StoredView): Record<string, string> {
  const used = aggregations.flatMap(({ column, where }) => [
    ...(column === null ? [] : [column]),
    ...(where ? columnsIn(where) : []),
  ]);
  return Object.fromEntries([
    ...features.map(({ name, column }) => [name, column]),
    ...used.map((column) => [column, column]),
  ]);
}

function columnsIn(tree: ExpressionTree): string[] {
  switch (tree.op) {
    case 'literal':
      return [];
    case 'column':
      return [tree.name];
    case 'cast':
      return columnsIn(tree.value);
    case 'call':
      return tree.args.flatMap(columnsIn);
    case 'case':
      return [...tree.when.flat(), tree.else].flatMap(columnsIn);
  }
}
