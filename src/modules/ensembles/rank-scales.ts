import { Injectable } from '@nestjs/common';
import type { RankScale, SignatureDefinition } from '#libs/inference';
import type { ThresholdCurve } from '#libs/statistics';
import { Artifacts } from '../../platform/storage/artifacts.js';
import type { FoundMember } from '../models/ensemble-versions.service.js';

const MAX_BASELINE_BYTES = 64 * 2 ** 20;

/** What baseline.json of a regression says of its answers to rows that were held out. */
interface Baseline {
  readonly predictions_validation: { readonly quantiles: readonly number[] };
}

/** Where the answers of versions stand, by what is kept of rows that they were not fitted to. */
@Injectable()
export class RankScales {
  constructor(private readonly artifacts: Artifacts) {}

  /**
   * @param output of the ensemble, whose second class is ranked
   * @returns why there is none, in words to be put behind the name of the model
   */
  async of(
    tenant: string,
    { servable, thresholdCurve }: FoundMember,
    output: SignatureDefinition['output'],
  ): Promise<RankScale | string> {
    if (output.type === 'classification') {
      if (!thresholdCurve)
        return 'keeps no probabilities of held-out rows; calibrate its version by a labelled table first';
      const own = servable.signature.output;
      const isTurned = own.type === 'classification' && own.labels[1] !== output.labels[1];
      const scale = scaleOfCurve(thresholdCurve);
      return isTurned ? turned(scale) : scale;
    }
    const baseline = servable.ensemble ? undefined : servable.files.baseline;
    if (!baseline) return 'keeps no values of held-out rows, as only regressions do that are trained here';
    const bytes = await this.artifacts.readChecked(tenant, baseline.sha256, MAX_BASELINE_BYTES);
    const { predictions_validation } = JSON.parse(bytes.toString('utf8')) as Baseline;
    const scale = scaleOfQuantiles(predictions_validation.quantiles);
    return scale.values.length > 1 ? scale : 'gave all held-out rows the same value';
  }
}

/** The share of the rows whose probability lies below each threshold. */
function scaleOfCurve(curve: ThresholdCurve): RankScale {
  const { thresholds, true_positives, false_positives, positives, negatives } = curve;
  const rows = positives + negatives;
  const values = thresholds.toReversed();
  const ranks = thresholds
    .map((_, at) => 1 - (true_positives[at]! + false_positives[at]!) / rows)
    .toReversed();
  // Where a probability is 1, no threshold stands above it.
  return ranks.at(-1) === 1 ? { values, ranks } : { values: [...values, 1], ranks: [...ranks, 1] };
}

/** The same for the first class. */
function turned({ values, ranks }: RankScale): RankScale {
  const other = (numbers: readonly number[]) => numbers.map((number) => 1 - number).toReversed();
  return { values: other(values), ranks: other(ranks) };
}

/** A value that several quantiles have gets the mean of their levels. */
function scaleOfQuantiles(quantiles: readonly number[]): RankScale {
  const levels = new Map<number, number[]>();
  quantiles.forEach((value, at) => {
    const known = levels.get(value) ?? [];
    levels.set(value, [...known, at / (quantiles.length - 1)]);
  });
  const mean = (numbers: readonly number[]) => numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
  return { values: [...levels.keys()], ranks: Array.from(levels.values(), mean) };
}
