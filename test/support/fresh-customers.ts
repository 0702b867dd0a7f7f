import type { Row } from './batches.js';

/** Labelled table of `freshCustomers`, once it is put as fresh.csv. */
export const FRESH_TABLE = { validation_path: 's3://data/fresh.csv', target_column: 'churned' };

/** Rows that none of the models of `startWithModels` was trained on, with what became of a simulated customer each. */
export function freshCustomers(): Row[] {
  return Array.from({ length: 200 }, (_, at) => {
    const days = (at * 37) % 365;
    const tickets = at % 12;
    const features = { total_orders: (at * 7) % 60, days_since_last_order: days, support_tickets: tickets };
    const churned = Number(days / 365 + tickets / 12 + ((at * 53) % 100) / 100 > 1.5);
    return { ...features, avg_order_value: 20 + at, churned };
  });
}

export function toCsv(rows: readonly Row[]): string {
  return [Object.keys(rows[0]!).join(','), ...rows.map((row) => Object.values(row).join(','))].join('\n');
}
