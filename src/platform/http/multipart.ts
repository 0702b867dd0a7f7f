import { Busboy, type BusboyFileStream, type BusboyHeaders } from '@fastify/busboy';
import { type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { invalid, Problem } from '../errors/problem.js';

export interface PartsReader {
  /** Name of the part that is handed on as a stream, and what takes it. */
  readonly file: string;
  take(content: Readable): Promise<void>;
  /** Names of the parts that are read as text, whether they come as fields or as files. */
  readonly texts: readonly string[];
  readonly maxTextBytes: number;
}

/**
 * Reads multipart/form-data (RFC 7578) as it arrives; each part may come once, in any order.
 * @returns the texts by name
 * @throws Problem 400, 413, 415, and whatever `take` throws
 */
export function readParts(
  body: Readable | undefined,
  contentType: string | undefined,
  reader: PartsReader,
): Promise<Map<string, string>> {
  if (!body || typeof body.pipe !== 'function' || !contentType) {
    const wanted = `send multipart/form-data with the part ${reader.file}, as curl does with -F ${reader.file}=@model.onnx`;
    throw new Problem('UNSUPPORTED_MEDIA_TYPE', `The body must be a form: ${wanted}.`);
  }
  return new PartsReading(body, contentType, reader).texts;
}

class PartsReading {
  readonly texts: Promise<Map<string, string>>;
  private readonly found = new Map<string, string>();
  private readonly names = new Set<string>();
  private readonly open = new Set<Readable>();
  private readonly work: Promise<void>[] = [];
  private reject: (error: unknown) => void = () => undefined;
  private hasFailed = false;
  private readonly parser: InstanceType<typeof Busboy>;

  constructor(
    private readonly body: Readable,
    contentType: string,
    private readonly reader: PartsReader,
  ) {
    const limits = { fieldSize: reader.maxTextBytes, parts: 16, headerPairs: 32, fieldNameSize: 100 };
    try {
      this.parser = new Busboy({ headers: { 'content-type': contentType } as BusboyHeaders, limits });
    } catch (error) {
      body.resume();
      throw invalid('', `the body is no form: ${(error as Error).message}`);
    }
    this.texts = new Promise((resolve, reject) => {
      this.reject = reject;
      this.parser.once('finish', () => {
        Promise.all(this.work).then(
          () => this.hasFailed || resolve(this.found),
          (error) => this.fail(error),
        );
      });
    });
    this.parser.on('file', (name, content) => this.onFile(name, content));
    this.parser.on('field', (name, value, _, isCut) => {
      if (this.accepts(name) && this.isText(name)) this.keep(name, value, isCut);
      else if (name === reader.file) this.fail(invalid(`/${name}`, 'must be a file'));
    });
    this.parser.on('error', (error: Error) =>
      this.fail(invalid('', `the body is no complete form: ${error.message}`)),
    );
    body.once('error', (error) => this.fail(error));
    body.once('close', () => body.readableEnded || this.fail(invalid('', 'the upload was cut off')));
    body.pipe(this.parser);
  }

  private onFile(name: string, content: BusboyFileStream): void {
    // Its end is told by whoever reads it; without a listener it would end the process.
    content.on('error', () => undefined);
    if (!this.accepts(name)) return void content.resume();
    this.open.add(content);
    const taken = this.isText(name) ? this.readText(name, content) : this.reader.take(content);
    this.work.push(taken);
    taken.then(
      () => this.open.delete(content),
      (error) => this.fail(error),
    );
  }

  private async readText(name: string, content: Readable): Promise<void> {
    let bytes = 0;
    content.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > this.reader.maxTextBytes) this.fail(this.tooLong(name));
    });
    this.keep(name, await text(content), false);
  }

  private keep(name: string, value: string, isCut: boolean): void {
    if (isCut) this.fail(this.tooLong(name));
    else this.found.set(name, value);
  }

  private accepts(name: string): boolean {
    if (!this.isText(name) && name !== this.reader.file) {
      const known = [this.reader.file, ...this.reader.texts].join(', ');
      this.fail(invalid(`/${name}`, `is not a known part; ${known} are`));
      return false;
    }
    if (this.names.has(name)) this.fail(invalid(`/${name}`, 'comes twice'));
    this.names.add(name);
    return !this.hasFailed;
  }

  private isText(name: string): boolean {
    return this.reader.texts.includes(name);
  }

  private tooLong(name: string): Problem {
    return new Problem(
      'PAYLOAD_TOO_LARGE',
      `The part ${name} may have ${this.reader.maxTextBytes} bytes at most.`,
    );
  }

  /** The rest of the body is read and dropped: a caller that still sends could not read the answer. */
  private fail(error: unknown): void {
    if (this.hasFailed) return;
    this.hasFailed = true;
    this.body.unpipe(this.parser);
    this.body.resume();
    for (const content of this.open) content.destroy(error as Error);
    // What was begun is undone before the caller hears of it.
    void Promise.allSettled(this.work).then(() => this.reject(error));
  }
}
