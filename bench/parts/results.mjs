import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { inRoot, ROOT } from '../../scripts/parts/paths.mjs';

/** Writes what was measured, and on what, beside earlier runs; answers the file relative to the repository. */
export function writeResults(name, measured) {
  const date = new Date().toISOString();
  const machine = {
    node: process.versions.node,
    cores: os.availableParallelism(),
    cpu: os.cpus()[0]?.model,
    memory_gib: Math.round(os.totalmem() / 2 ** 30),
    platform: `${process.platform}-${process.arch}`,
    load_average: os.loadavg().map((load) => round(load, 2)),
  };
  const file = inRoot('bench', 'results', `${name}-${date.replaceAll(/[:.]/g, '-')}.json`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ date, machine, ...measured }, null, 2)}\n`);
  return path.relative(ROOT, file);
}

/** Lines of a table: the first column to the left, the others to the right. */
export function table(header, rows) {
  const lines = [header, ...rows].map((line) => line.map(String));
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const pad = (cell, column) => (column ? cell.padStart(widths[column]) : cell.padEnd(widths[column]));
  const [first, ...rest] = lines.map((line) => line.map(pad).join('  '));
  return [first, '-'.repeat(first.length), ...rest].join('\n');
}

export const round = (number, digits) => Number(number.toFixed(digits));

/** The nearest-rank percentile: of ten values the 95th is the largest. */
export function percentile(values, percent) {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];
}

export function median(values) {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length / 2;
  return sorted.length % 2 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}
