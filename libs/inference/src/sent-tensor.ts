import { Tensor } from 'onnxruntime-node';

/** A tensor between threads or processes. */
export interface SentTensor {
  readonly name: string;
  readonly type: string;
  /** The first one is the rows. */
  readonly dims: readonly number[];
  readonly data: ArrayLike<number | bigint | string>;
}

export function toSent(
  tensors: Record<string, Tensor>,
  names: readonly string[] = Object.keys(tensors),
): SentTensor[] {
  return names.map((name) => {
    const { type, dims, data } = tensors[name]!;
    return { name, type, dims, data: data as SentTensor['data'] };
  });
}

export function toFeeds(sent: readonly SentTensor[]): Record<string, Tensor> {
  // A feature may be called "__proto__".
  const feeds = Object.create(null) as Record<string, Tensor>;
  for (const { name, type, dims, data } of sent) feeds[name] = new Tensor(type as never, data as never, dims);
  return feeds;
}
