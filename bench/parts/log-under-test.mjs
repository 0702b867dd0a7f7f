import { v7 as newUuid } from 'uuid';
import { inRoot } from '../../scripts/parts/paths.mjs';

const built = (...names) => import(inRoot('dist', 'src', ...names));

/** The recorder of the prediction log as the service builds it, with nothing in front of it; counts go nowhere. */
export async function openLog({ systemUrl, stateDir, settings = {} }) {
  const { PredictionRecorder } = await built(
    'modules',
    'prediction-log',
    'recorder',
    'prediction-recorder.service.js',
  );
  const { PredictionCounter } = await built('modules', 'prediction-log', 'counts', 'prediction-counter.js');
  const { PredictionLogConfig } = await built('config', 'prediction-log.config.js');
  const { Metrics } = await built('platform', 'observability', 'metrics.js');
  const metrics = new Metrics();
  const say = (...what) => console.error(...what);
  const logger = { info: () => undefined, warn: say, failure: say };
  const config = Object.assign(new PredictionLogConfig(), settings);
  const rules = { of: () => ({ sampleRate: 1 }) };
  const counts = { addAll: () => Promise.resolve() };
  const counter = new PredictionCounter(counts, undefined, undefined, logger, metrics);
  const log = new PredictionRecorder(config, { stateDir }, rules, counter, logger, { systemUrl }, metrics);
  await log.onApplicationBootstrap();
  return { log, metrics };
}

export const MODEL = '550e8400-e29b-41d4-a716-446655440000';

/** An answered request of 20 features, 4 of them text. */
export function prediction(number) {
  const row = {};
  for (let at = 0; at < 16; at++) row[`feature_${at}`] = Math.round(number * (at + 1) * 7919) / 1000;
  for (let at = 0; at < 4; at++) row[`category_${at}`] = `value ${(number + at) % 10}`;
  return {
    tenant: 'acme-corp',
    requestId: `req-${newUuid()}`,
    modelId: MODEL,
    version: '1.2.0',
    rows: [row],
    single: true,
    latencyMs: 0.125,
    prediction: [number % 2],
    probabilities: [[0.25, 0.75]],
    classes: [0, 1],
    confidence: 0.75,
  };
}

/** One of a metric, as Prometheus would read it. */
export async function metric(metrics, name) {
  const line = (await metrics.text()).split('\n').find((each) => each.startsWith(name));
  return Number(line?.split(' ').at(-1) ?? 0);
}
