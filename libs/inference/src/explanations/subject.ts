import type { SignatureDefinition } from '../signature-definition.js';

/**
 * What is explained: something that answers rows, with a background of rows to compare with. It mixes rows feature by
 * feature, in whatever form it sees them.
 */
export interface Subject<Row> {
  readonly output: SignatureDefinition['output'];
  /** How many features it has. */
  readonly features: number;
  /** How many rows the background has, at least one. */
  readonly backgroundRows: number;

  /** The row as it sees it. @throws FeatureErrors */
  encode(row: unknown): Row;

  /** What tells the row from others, to it. */
  bytesOf(row: Row): Iterable<Uint8Array | string>;

  /** The features by which it can tell a row from a background row. */
  differences(row: Row, backgroundRow: number): Int32Array;

  /** Of each background row its value, or its probability of the class with this index. */
  backgroundAnswers(index: number): Float64Array;

  /** Starts a block of mixtures of one row. */
  startBlock(row: Row): Block;
}

/** Mixtures that are scored together. */
export interface Block {
  readonly count: number;
  readonly isFull: boolean;

  /** Adds the background row with the coalition's features taken from the row. */
  add(backgroundRow: number, coalition: Int32Array): void;

  /** Empties the block. @returns as `backgroundAnswers`, one a mixture */
  score(index: number): Promise<Float64Array>;
}
