import type { Predictions } from '#libs/inference';
import type { ServableVersion } from '../models/versions.service.js';

/** Answers as the threshold of their version decides: the second of two classes wherever its probability reaches it. */
export function byThreshold(
  predictions: Predictions,
  { signature: { output }, threshold }: Pick<ServableVersion, 'signature' | 'threshold'>,
): Predictions {
  const { probabilities } = predictions;
  if (threshold === null || !probabilities || output.type === 'regression') return predictions;
  const indexes = probabilities.map((ofRow) => (ofRow[1]! >= threshold ? 1 : 0));
  return {
    ...predictions,
    predictions: indexes.map((index) => output.labels[index]!),
    confidences: indexes.map((index, row) => probabilities[row]![index]!),
  };
}
