import { quoteShort } from './feature-errors.js';

const MAX_REPORTED = 20;

/** Categories that training has not seen, gathered while encoding: one warning a value, however many rows. */
export class UnseenValues {
  private readonly found: { feature: string; value: string; firstRow: number; rows: number }[] = [];
  private more = 0;

  add(feature: string, value: string, row: number): void {
    const known = this.found.find((entry) => entry.feature === feature && entry.value === value);
    if (known) known.rows++;
    else if (this.found.length < MAX_REPORTED) this.found.push({ feature, value, firstRow: row, rows: 1 });
    else this.more++;
  }

  /** @param rowCount with a single row there is no need to say which */
  describe(rowCount: number): string[] {
    const lines = this.found.map(({ feature, value, firstRow, rows }) => {
      const others = rows > 1 ? ` and ${rows - 1} more` : '';
      const where = rowCount > 1 ? ` (row ${firstRow}${others})` : '';
      return `'${feature}' has the value ${quoteShort(value)}, which training has not seen${where}`;
    });
    if (this.more > 0) lines.push(`and ${this.more} more values that training has not seen`);
    return lines;
  }
}
