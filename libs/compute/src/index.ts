export { EngineUnavailable } from './compute-engine.js';
export type { ComputeEngine, ComputeOutcome, RunOptions } from './compute-engine.js';
export { compileContract, faultsOf } from './contract.js';
export type { JobEvent, JobReport, TrialReport } from './job-event.js';
export { OUT_OF_MEMORY } from './job-run.js';
export { LocalEngine } from './local-engine.js';
export type { LocalEngineOptions } from './local-engine.js';
