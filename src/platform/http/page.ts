import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { Problem } from '../errors/problem.js';

/** Query of every list. */
export class PageQuery {
  @ApiProperty({
    description: 'Most items of one page.',
    type: 'integer',
    example: 20,
    required: false,
    default: 50,
    minimum: 1,
    maximum: 200,
  })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(200)
  limit = 50;

  @ApiProperty({
    description: '`next_cursor` of the page before.',
    example: 'WyJhY21lLWNvcnAiLCIwMTljMWE3YyJd',
    required: false,
  })
  @IsOptional()
  @IsString()
  @MaxLength(2048)
  cursor?: string;
}

export class PageInfo {
  @ApiProperty({ description: 'Items in this page.', example: 20 })
  count!: number;

  @ApiProperty({
    description: 'Pass it as `cursor` to get the next page; null on the last one.',
    example: null,
    nullable: true,
    type: String,
  })
  next_cursor!: string | null;
}

export interface Page<T> {
  data: T[];
  page: PageInfo;
}

/** One page out of up to `limit + 1` rows in a stable order; `keyOf` is what the order compares. */
export function pageOf<Row, Item>(
  rows: Row[],
  limit: number,
  tenant: string,
  keyOf: (row: Row) => string,
  toItem: (row: Row) => Item,
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = rows.length > limit && last !== undefined ? encodeCursor(tenant, keyOf(last)) : null;
  return { data: shown.map(toItem), page: { count: shown.length, next_cursor: next } };
}

function encodeCursor(tenant: string, key: string): string {
  return Buffer.from(JSON.stringify([tenant, key])).toString('base64url');
}

/**
 * The key after which a page starts, or undefined for the first page.
 * @throws Problem 400 for a cursor that this tenant was not given
 */
export function decodeCursor(
  tenant: string,
  cursor: string | undefined,
  isKey: (key: string) => boolean = () => true,
): string | undefined {
  if (cursor === undefined) return undefined;
  try {
    const [owner, key] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    if (owner === tenant && typeof key === 'string' && !key.includes('\0') && isKey(key)) return key;
  } catch {
    // Falls through to the one answer for every cursor that is not ours.
  }
  throw new Problem('INVALID_REQUEST', 'cursor: not a cursor of this list', {
    errors: [{ pointer: 'cursor', message: 'must be the next_cursor of an earlier page' }],
  });
}
