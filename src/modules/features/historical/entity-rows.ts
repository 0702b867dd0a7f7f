import { entityKeyReader, parseInstant, UnfitKey } from '#libs/features';
import { type FieldError, fieldsProblem, jsonPointer } from '../../../platform/errors/problem.js';
import { columnsAskedFor, type JoinPlan } from '../offline/join-plan.js';

/**
 * Refuses rows of a request that features cannot be joined to.
 * @throws Problem 422 naming each row that lacks a key, a time or a column that an expression asks for, and each column
 *   that is called as a feature is
 */
export function refuseUnfitRows(
  rows: readonly Readonly<Record<string, unknown>>[],
  timestampColumn: string,
  plan: JoinPlan,
): void {
  const errors: FieldError[] = [];
  const fault = (row: number, column: string | undefined, message: string): void => {
    const pointer = `/entity_rows/${row}${column === undefined ? '' : jsonPointer(column)}`;
    // Views of one entity find the same fault.
    if (!errors.some((one) => one.pointer === pointer)) errors.push({ pointer, message });
  };
  const keys = plan.views.map((view) => entityKeyReader(view.keys));
  const names = new Set(plan.order);
  const asked = columnsAskedFor(plan);
  for (const [at, row] of rows.entries()) {
    const time = row[timestampColumn];
    if (typeof time !== 'string' || !parseInstant(time))
      fault(at, timestampColumn, 'must be a time of ISO 8601, such as 2026-02-12T10:00:00Z');
    for (const keyOf of keys) {
      try {
        keyOf(row);
      } catch (error) {
        if (!(error instanceof UnfitKey)) throw error;
        fault(at, error.column, error.message);
      }
    }
    for (const column of asked)
      if (!Object.hasOwn(row, column)) fault(at, column, 'is asked for by a feature, and must be there');
    for (const column of Object.keys(row))
      if (names.has(column))
        fault(at, column, 'is called as a feature of the set is; call one of them otherwise');
    if (errors.length > 100) break;
  }
  if (errors.length > 0) throw fieldsProblem('VALIDATION_ERROR', errors);
}
