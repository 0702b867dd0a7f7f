import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from './client.js';
import { python } from './data.js';

export type Row = Record<string, unknown>;

const SCRIPT = join(__dirname, 'parquet.py');

export const jsonLines = (rows: unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

export const parseLines = (content: unknown): Row[] =>
  String(content)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);

/** Rows as a Parquet file, typed as Arrow sees their values. */
export function toParquet(rows: Row[], rowGroupRows = 1000): Promise<Buffer> {
  return inFolder(async (folder) => {
    const [source, target] = [join(folder, 'rows.jsonl'), join(folder, 'rows.parquet')];
    await writeFile(source, jsonLines(rows));
    await python([SCRIPT, 'write', source, target, String(rowGroupRows)]);
    return readFile(target);
  });
}

/** An `id` and columns f0, f1, … of normally distributed numbers; no model takes every `odd`th row. */
export function numbersParquet(
  rows: number,
  columns: number,
  rowGroupRows: number,
  { firstId = 0, odd = 0 } = {},
): Promise<Buffer> {
  return inFolder(async (folder) => {
    const target = join(folder, 'rows.parquet');
    await python([SCRIPT, 'numbers', target, ...[rows, columns, rowGroupRows, firstId, odd].map(String)]);
    return readFile(target);
  });
}

/** The rows of an output, from its first part to its last. */
export function rowsOf({ files }: Pick<Output, 'files'>): Promise<Row[]> {
  return inFolder(async (folder) => {
    const sources = await Promise.all(
      Array.from(files.values(), async (content, part) => {
        const source = join(folder, `${part}.parquet`);
        await writeFile(source, content);
        return source;
      }),
    );
    return parseLines(await python([SCRIPT, 'read', ...sources]));
  });
}

/** What readers of a batch's output see: its manifest, and the files that it names, checked against it. */
export interface Output {
  // Tests look into manifests of every shape.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  manifest: any;
  /** Contents by name. */
  files: Map<string, Buffer>;
  errors: Row[];
}

/** @param folder `predictions/churn_scores` */
export async function readOutput(client: Client, folder: string): Promise<Output> {
  const manifest = JSON.parse(String(await download(client, `${folder}/_SUCCESS`)));
  const files = new Map<string, Buffer>();
  let errors: Row[] = [];
  for (const part of manifest.parts) {
    for (const written of [part.output, part.errors]) {
      if (written === null) continue;
      const content = await download(client, `${folder}/${written.name}`);
      expect(content.byteLength).toBe(written.size_bytes);
      expect(createHash('sha256').update(content).digest('hex')).toBe(written.sha256);
      if (written === part.output) files.set(written.name, content);
      else errors = [...errors, ...parseLines(content)];
    }
  }
  return { manifest, files, errors };
}

export async function download(client: Client, path: string): Promise<Buffer> {
  const response = await fetch(`${client.url}/api/v1/objects/${path}`, {
    headers: { authorization: `Bearer ${client.token}` },
  });
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return Buffer.from(await response.arrayBuffer());
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'modelplane-batch-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
