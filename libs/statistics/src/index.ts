export { adaptiveSet, highestCoverage, intervalAround, quantileOf } from './conformal.js';
export type { Interval, ScoreTable, Spread } from './conformal.js';
export { chooseThreshold, pointsOf } from './threshold.js';
export type { ThresholdChoice, ThresholdCurve, ThresholdPoint } from './threshold.js';
