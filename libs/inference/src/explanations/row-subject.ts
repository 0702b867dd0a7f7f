import type { Answers } from '../answers.js';
import type { SignatureDefinition } from '../signature-definition.js';
import type { Block, Subject } from './subject.js';

type Row = Readonly<Record<string, unknown>>;

/** Rows that are scored together: few, so that others have their turn soon. */
const ROWS_AT_ONCE = 250;

/** Anything that answers rows of JSON. Rows are mixed as they are, so that each mixture is encoded anew. */
export class RowSubject implements Subject<Row> {
  readonly output: SignatureDefinition['output'];
  private readonly names: readonly string[];

  private constructor(
    { inputs, output }: SignatureDefinition,
    private readonly background: readonly Row[],
    private readonly answers: Answers,
    private readonly answer: (rows: readonly Row[]) => Promise<Answers>,
  ) {
    this.output = output;
    this.names = inputs.map(({ name }) => name);
  }

  /**
   * @param background rows that `answer` takes, at least one
   * @param answer scores rows; of a classification with probabilities in the order of the signature's labels
   */
  static async open(
    signature: SignatureDefinition,
    background: readonly unknown[],
    answer: (rows: readonly Row[]) => Promise<Answers>,
  ): Promise<RowSubject> {
    const names = signature.inputs.map(({ name }) => name);
    const rows = background.map((row) => only(names, row));
    return new RowSubject(signature, rows, await answer(rows), answer);
  }

  get features(): number {
    return this.names.length;
  }

  get backgroundRows(): number {
    return this.background.length;
  }

  encode(row: unknown): Row {
    return only(this.names, row);
  }

  bytesOf(row: Row): string[] {
    return [JSON.stringify(row)];
  }

  /** A feature whose value is written in two ways is one more player, who adds nothing. */
  differences(row: Row, backgroundRow: number): Int32Array {
    const other = this.background[backgroundRow]!;
    return Int32Array.from(this.names.keys()).filter((at) => row[this.names[at]!] !== other[this.names[at]!]);
  }

  backgroundAnswers(index: number): Float64Array {
    return readAnswers(this.answers, this.output, index);
  }

  startBlock(row: Row): Block {
    const { names, background, output, answer } = this;
    let rows: Row[] = [];
    return {
      get count() {
        return rows.length;
      },
      get isFull() {
        return rows.length === ROWS_AT_ONCE;
      },
      add: (backgroundRow, coalition) => {
        const mixed = { ...background[backgroundRow]! };
        for (const at of coalition) mixed[names[at]!] = row[names[at]!];
        rows.push(mixed);
      },
      score: async (index) => {
        const taken = rows;
        rows = [];
        return readAnswers(await answer(taken), output, index);
      },
    };
  }
}

/** The features of a row; one that need not be there is null where it is not. */
function only(names: readonly string[], row: unknown): Row {
  const given = row as Row;
  return Object.fromEntries(names.map((name) => [name, Object.hasOwn(given, name) ? given[name] : null]));
}

function readAnswers(
  { predictions, probabilities }: Answers,
  output: SignatureDefinition['output'],
  index: number,
): Float64Array {
  return output.type === 'classification'
    ? Float64Array.from(probabilities!, (ofRow) => ofRow[index]!)
    : Float64Array.from(predictions, Number);
}
