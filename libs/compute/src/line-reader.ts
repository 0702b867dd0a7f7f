const NEWLINE = 0x0a;

/**
 * Cuts a stream of bytes into lines of UTF-8. A line of more than `maxBytes` is dropped as it arrives and
 * reported once, so that a process that never ends its line cannot fill the memory.
 */
export class LineReader {
  private parts: Buffer[] = [];
  private bytes = 0;
  private isDropping = false;

  constructor(
    private readonly maxBytes: number,
    private readonly onLine: (line: string) => void,
    private readonly onTooLong: () => void,
  ) {}

  push(chunk: Buffer): void {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      this.append(chunk.subarray(start, end < 0 ? chunk.length : end));
      if (end < 0) return;
      this.finishLine();
      start = end + 1;
    }
  }

  /** A last line without its newline counts. */
  end(): void {
    if (this.bytes > 0) this.finishLine();
  }

  private append(part: Buffer): void {
    if (this.isDropping) return;
    this.bytes += part.length;
    if (this.bytes > this.maxBytes) {
      this.isDropping = true;
      this.parts = [];
      this.onTooLong();
    } else if (part.length > 0) this.parts.push(part);
  }

  private finishLine(): void {
    const line = this.isDropping ? null : Buffer.concat(this.parts).toString('utf8');
    this.parts = [];
    this.bytes = 0;
    this.isDropping = false;
    if (line !== null) this.onLine(line);
  }
}
