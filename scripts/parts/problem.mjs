/** A failure the reader can act on: it is printed as one line, without a stack; `detail` may follow it. */
export class Problem extends Error {
  constructor(message, detail = '') {
    super(message);
    this.detail = detail;
  }
}

/** Prints what went wrong: a known problem in one line, anything unexpected with its stack. */
export function reportProblem(error, out = process.stderr) {
  const known = error instanceof Problem;
  out.write(`✗ ${known ? error.message : (error?.stack ?? error)}\n`);
  if (known && error.detail) out.write(`${error.detail.trimEnd()}\n`);
}
