import type { SentTensor } from '../sent-tensor.js';

type Values = SentTensor['data'];
interface Slices {
  slice(from: number, to: number): Values;
}

/** The number of rows of a request: the first dimension of its tensors. */
export function rowsOf(tensors: readonly SentTensor[]): number {
  return tensors[0]!.dims[0]!;
}

/** Joins the tensors of several requests of one graph: the rows of the second follow those of the first, and so on. */
export function joinRows(parts: readonly (readonly SentTensor[])[]): readonly SentTensor[] {
  const [first] = parts;
  if (parts.length === 1) return first!;
  return first!.map(({ name, type, dims }, at) => {
    const same = parts.map((tensors) => tensors[at]!);
    const rows = same.reduce((sum, tensor) => sum + tensor.dims[0]!, 0);
    return { name, type, dims: [rows, ...dims.slice(1)], data: concatenate(same.map(({ data }) => data)) };
  });
}

/**
 * Splits tensors into parts of the given numbers of rows: the inverse of `joinRows`.
 * @throws Error where a tensor does not have as many rows as the parts have together
 */
export function splitRows(tensors: readonly SentTensor[], counts: readonly number[]): SentTensor[][] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  for (const { name, dims } of tensors) {
    if (dims[0] !== total) throw new Error(`'${name}' has ${dims[0] ?? 'no'} rows instead of ${total}`);
  }
  let from = 0;
  return counts.map((rows) => {
    const part = tensors.map(({ name, type, dims, data }) => {
      const width = data.length / total;
      const values = (data as Values & Slices).slice(from * width, (from + rows) * width);
      return { name, type, dims: [rows, ...dims.slice(1)], data: values };
    });
    from += rows;
    return part;
  });
}

function concatenate(parts: readonly Values[]): Values {
  const [first] = parts;
  if (Array.isArray(first)) return (parts as string[][]).flat();
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const whole = new (first!.constructor as Float32ArrayConstructor)(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part as Float32Array, at);
    at += part.length;
  }
  return whole;
}
