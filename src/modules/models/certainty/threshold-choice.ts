import type { SignatureDefinition } from '#libs/inference';
import { chooseThreshold, type ThresholdChoice, type ThresholdCurve } from '#libs/statistics';
import type { ThresholdDto } from './threshold.dto.js';
import type { Threshold } from './version-certainty.entity.js';

/** The threshold that a request which is clear asks for. @returns what stands in its way, where there is none */
export function thresholdFor(
  { value, ...choice }: ThresholdDto,
  curve: ThresholdCurve | null,
): Pick<Threshold, 'value' | 'choice' | 'measured'> | string {
  if (value !== undefined) return { value, choice: null, measured: null };
  if (!curve) return 'needs labelled rows of both classes to choose from, and none have been measured';
  const measured = chooseThreshold(curve, choice as ThresholdChoice);
  if (!measured) return `asks for a precision of ${choice.at_precision}, which no threshold reaches`;
  return { value: measured.threshold, choice: choice as ThresholdChoice, measured };
}

/** Why answers of a version cannot follow a threshold; undefined where they can. */
export function whyNoThreshold({ output }: SignatureDefinition): string | undefined {
  if (output.type === 'regression') return 'is for a classification; this version predicts a number';
  if (output.labels.length !== 2) return `is for two classes; this version has ${output.labels.length}`;
  if (output.probabilities_tensor === null) return 'needs probabilities; this version answers labels alone';
  return undefined;
}
