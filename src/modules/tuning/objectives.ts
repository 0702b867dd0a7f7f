import { closestName } from '#libs/inference';
import type { ModelType } from '../models/model.entity.js';

export const MODES = ['min', 'max'] as const;
export type Mode = (typeof MODES)[number];

/** What a study makes as small or as large as it can. */
export interface Objective {
  readonly metric: string;
  readonly mode: Mode;
}

/** What a trial must keep to be feasible: one of both bounds. */
export interface Constraint {
  readonly metric: string;
  readonly at_most?: number;
  readonly at_least?: number;
}

/** Measured on the exported graph, which each trial then makes. */
export const LATENCY = 'latency_ms_p99';
const OF_GRAPH = ['artifact_bytes', LATENCY];

/** What a training reports of its rows: trainer/src/modelplane_trainer/evaluation.py. */
const OF_ROWS: Record<ModelType, readonly string[]> = {
  classification: ['accuracy', 'loss', 'roc_auc', 'f1', 'brier', 'calibration_error'],
  regression: ['loss', 'rmse', 'mae', 'r2'],
};
/** These also before `training_config.calibration`. */
const OF_UNCALIBRATED_ROWS = ['loss', 'brier', 'calibration_error'].map((name) => `uncalibrated_${name}`);
const LARGER_IS_BETTER = ['accuracy', 'roc_auc', 'f1', 'r2'];
/** Pairs of characters that are compared to find the name that was meant. */
const MAX_COMPARISONS = 100_000;

/**
 * Why a study cannot know a metric, or null.
 * @param modelType undefined where only the data will tell: metrics of either type will do
 */
export function faultOfMetric(
  metric: string,
  modelType: ModelType | undefined,
  isCalibrated: boolean,
): string | null {
  const types = modelType ? [modelType] : (Object.keys(OF_ROWS) as ModelType[]);
  const ofRows = [...types.flatMap((type) => OF_ROWS[type]), ...(isCalibrated ? OF_UNCALIBRATED_ROWS : [])];
  const names = ['val', 'train'].flatMap((part) => [...new Set(ofRows)].map((name) => `${part}_${name}`));
  const known = [...names, ...OF_GRAPH];
  if (known.includes(metric)) return null;
  const meant = closestName(metric, known, { left: MAX_COMPARISONS });
  const of = modelType ? ` of a ${modelType}` : '';
  return `${JSON.stringify(metric)} is no metric${of}; ${meant ? `did you mean ${meant}?` : `there are ${known.join(', ')}`}`;
}

/** In which direction a metric is better. */
export function betterMode(metric: string): Mode {
  return LARGER_IS_BETTER.includes(metric.replace(/^(val|train)_(uncalibrated_)?/, '')) ? 'max' : 'min';
}

export function isSameObjectives(some: readonly Objective[], others: readonly Objective[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ metric, mode }, at) => others[at]?.metric === metric && others[at].mode === mode)
  );
}
