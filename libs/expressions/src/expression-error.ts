/** What is wrong with the text of an expression. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';

  /** @param position of the character in the text, the first being 1 */
  constructor(
    message: string,
    readonly position: number,
  ) {
    super(message);
  }
}
