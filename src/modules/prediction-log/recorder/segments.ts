import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeFrame, encodeFrame, frameLength, frameRows, HEADER_BYTES } from './frame.js';
import { isHeld, ProcessLock } from './process-lock.js';

interface Segment {
  readonly path: string;
  readonly handle: FileHandle;
  /** Bytes written whole. */
  bytes: number;
  /** Offset at which the oldest frame begins that is still needed. */
  readAt: number;
  /** Rows of the frames that are still needed. */
  rows: number;
}

/** Frames in their order; the segment keeps them until `done` is called with the batch. */
export interface Batch {
  readonly segment: Segment;
  readonly end: number;
  readonly rows: number;
  /** JSON objects with commas between them. */
  readonly text: string;
}

export interface SegmentLimits {
  /** Bytes that all segments of this process may have together. */
  readonly maxBytes: number;
  /** A segment that has this many bytes is closed and the next one begun. */
  readonly segmentBytes: number;
}

/** Is told of rows that cannot be read: they were being written when their process died, or the disk failed. */
export type OnTorn = (rows: number, path: string) => void;

const SEGMENT = /^([0-9a-f]{12})\.\d+\.segment$/;
/** Bytes of frames that are read from a file at once, which is only done after an outage: else a frame is still in memory. */
const BATCH_BYTES = 2 ** 20;

/**
 * Frames of rows in files, first in, first out. What `append` has stored outlives the process; what `sync` has seen
 * outlives the machine. Files of a process that is gone are adopted by the next one that looks, each by one only.
 */
export class Segments {
  private readonly segments: Segment[] = [];
  /** The segment that is appended to, which is the last one. */
  private writing?: Segment;
  private newest?: { segment: Segment; at: number; rows: number; text: string };
  private turn: Promise<unknown> = Promise.resolve();
  private number = 0;
  private readonly unsynced = new Set<FileHandle>();

  private constructor(
    private readonly folder: string,
    private readonly id: string,
    private readonly lock: ProcessLock,
    private readonly limits: SegmentLimits,
    private readonly onTorn: OnTorn,
  ) {}

  static async open(folder: string, limits: SegmentLimits, onTorn: OnTorn): Promise<Segments> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const id = randomBytes(6).toString('hex');
    // The lock is held before the first file of this id is there, so that nobody takes a living process for a dead one.
    const lock = await ProcessLock.take(lockPath(folder, id));
    return new Segments(folder, id, lock, limits, onTorn);
  }

  get bytes(): number {
    return this.segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  get rows(): number {
    return this.segments.reduce((sum, { rows }) => sum + rows, 0);
  }

  /** @returns false where the segments have no room for it */
  append(rows: number, text: string): Promise<boolean> {
    return this.alone(async () => {
      const frame = encodeFrame(rows, text);
      if (this.bytes + frame.length > this.limits.maxBytes) return false;
      const segment = await this.current();
      // Written at its offset, so that what a failed write left is written over.
      for (let done = 0; done < frame.length;) {
        const { bytesWritten } = await segment.handle.write(frame, done, undefined, segment.bytes + done);
        done += bytesWritten;
      }
      this.newest = { segment, at: segment.bytes, rows, text };
      segment.bytes += frame.length;
      segment.rows += rows;
      this.unsynced.add(segment.handle);
      return true;
    });
  }

  /** The oldest frames that are still needed; undefined where none are. */
  next(): Promise<Batch | undefined> {
    return this.alone(async () => {
      for (;;) {
        const segment = this.segments.find(({ readAt, bytes }) => readAt < bytes);
        if (!segment) return undefined;
        const batch = this.fromMemory(segment) ?? (await this.fromFile(segment));
        if (batch) return batch;
      }
    });
  }

  /** The frames are needed no more; a segment that has no other is emptied or deleted. */
  done({ segment, end, rows }: Batch): Promise<void> {
    return this.alone(async () => {
      segment.readAt = end;
      segment.rows -= rows;
      await this.discardRead(segment);
    });
  }

  /** Runs beside whatever else is under way: a disk may take seconds for it. */
  async sync(): Promise<void> {
    const handles = [...this.unsynced];
    this.unsynced.clear();
    await Promise.all(handles.map((handle) => handle.datasync()));
  }

  /** Takes over the segments of processes that are gone. @returns how many */
  async adopt(): Promise<number> {
    const names = await readdir(this.folder);
    const owners = new Set(names.map((name) => SEGMENT.exec(name)?.[1]).filter((id) => id !== undefined));
    owners.delete(this.id);
    let adopted = 0;
    for (const owner of owners) {
      if (await isHeld(lockPath(this.folder, owner))) continue;
      for (const name of names.filter((each) => each.startsWith(`${owner}.`) && SEGMENT.test(each)))
        if (await this.alone(() => this.adoptFile(name))) adopted++;
      await rm(lockPath(this.folder, owner), { force: true });
    }
    return adopted;
  }

  /** Syncs and lets go; what is left is adopted by the next process. */
  async close(): Promise<void> {
    await this.sync();
    await this.alone(async () => {
      for (const segment of this.segments) await segment.handle.close();
      if (this.writing?.bytes === 0) await rm(this.writing.path, { force: true });
      this.segments.length = 0;
    });
    await this.lock.release();
  }

  /** Runs one piece of work after the other, so that no file is emptied while it is written. */
  private alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => undefined);
    return result;
  }

  private async current(): Promise<Segment> {
    if (this.writing && this.writing.bytes < this.limits.segmentBytes) return this.writing;
    const path = this.newPath();
    const segment = { path, handle: await open(path, 'wx+', 0o600), bytes: 0, readAt: 0, rows: 0 };
    this.segments.push(segment);
    this.writing = segment;
    return segment;
  }

  private newPath(): string {
    return join(this.folder, `${this.id}.${++this.number}.segment`);
  }

  private fromMemory(segment: Segment): Batch | undefined {
    const { newest } = this;
    if (newest?.segment !== segment || newest.at !== segment.readAt) return undefined;
    return { segment, end: segment.bytes, rows: newest.rows, text: newest.text };
  }

  private async fromFile(segment: Segment): Promise<Batch | undefined> {
    const { readAt } = segment;
    let bytes = await read(segment, BATCH_BYTES);
    const first = frameLength(bytes, 0) ?? Infinity;
    if (first > segment.bytes - readAt) return this.dropRest(segment, bytes);
    if (first > bytes.length) bytes = await read(segment, first);

    const texts: string[] = [];
    let [at, rows] = [0, 0];
    for (let length = frameLength(bytes, 0); length && at + length <= bytes.length;) {
      const frame = decodeFrame(bytes, at);
      if (frame) {
        texts.push(frame.payload.toString('utf8'));
        rows += frame.rows;
      } else {
        const damaged = Math.min(frameRows(bytes, at), segment.rows - rows);
        segment.rows -= damaged;
        this.onTorn(damaged, segment.path);
      }
      at += length;
      length = frameLength(bytes, at);
    }
    if (texts.length > 0) return { segment, end: readAt + at, rows, text: texts.join(',') };
    segment.readAt += at;
    await this.discardRead(segment);
    return undefined;
  }

  /** Gives up the rest of a segment in which no frame begins or ends where one should. */
  private async dropRest(segment: Segment, bytes: Buffer): Promise<undefined> {
    const announced = frameLength(bytes, 0) === undefined ? 1 : frameRows(bytes, 0);
    this.onTorn(Math.max(1, announced), segment.path);
    segment.readAt = segment.bytes;
    segment.rows = 0;
    await this.discardRead(segment);
    return undefined;
  }

  private async discardRead(segment: Segment): Promise<void> {
    if (segment.readAt < segment.bytes) return;
    if (segment === this.writing) {
      await segment.handle.truncate(0);
      segment.bytes = segment.readAt = segment.rows = 0;
      this.newest = undefined;
      return;
    }
    this.unsynced.delete(segment.handle);
    await segment.handle.close();
    await rm(segment.path, { force: true });
    this.segments.splice(this.segments.indexOf(segment), 1);
  }

  private async adoptFile(name: string): Promise<boolean> {
    const path = this.newPath();
    try {
      // Of two that try, one finds the file gone.
      await rename(join(this.folder, name), path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
    const handle = await open(path, 'r+');
    const { size } = await handle.stat();
    const segment = { path, handle, bytes: size, readAt: 0, rows: 0 };
    segment.rows = await countRows(segment);
    // The segment that is written to stays the last one.
    this.segments.unshift(segment);
    await this.discardRead(segment);
    return true;
  }
}

function lockPath(folder: string, id: string): string {
  return join(folder, `${id}.lock`);
}

async function read({ handle, bytes, readAt }: Segment, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.min(length, bytes - readAt));
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, readAt);
  return buffer.subarray(0, bytesRead);
}

/** Rows that the headers of a segment's frames announce, up to the first header that is damaged. */
async function countRows({ handle, bytes }: Segment): Promise<number> {
  const header = Buffer.alloc(HEADER_BYTES);
  let rows = 0;
  for (let at = 0; at + HEADER_BYTES <= bytes;) {
    await handle.read(header, 0, HEADER_BYTES, at);
    const length = frameLength(header, 0);
    if (length === undefined || at + length > bytes) break;
    rows += frameRows(header, 0);
    at += length;
  }
  return rows;
}
