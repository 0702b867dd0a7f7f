import { resolve } from 'node:path';
import { decimal, Env, folder, integer } from './environment.js';

/** What is remembered of predictions. */
export class PredictionLogConfig {
  @Env(
    'MODELPLANE_PREDICTION_LOG_SAMPLE_RATE',
    decimal(0, 1),
    'Share of predictions that are logged, where the model does not say; 0: none.',
  )
  sampleRate = 1;

  @Env(
    'MODELPLANE_PREDICTION_LOG_RETENTION_DAYS',
    integer(1, 3650),
    'Days that logged predictions are kept, where the model does not say.',
  )
  retentionDays = 30;

  @Env(
    'MODELPLANE_PREDICTION_LOG_FLUSH_MS',
    integer(10, 10_000),
    'Longest that a prediction waits in memory: what a process that is killed loses.',
  )
  flushMs = 100;

  @Env(
    'MODELPLANE_PREDICTION_LOG_SYNC_MS',
    integer(10, 60_000),
    'Longest that segment files wait for fsync: what a machine that loses power loses.',
  )
  syncMs = 1000;

  @Env(
    'MODELPLANE_PREDICTION_LOG_MAX_ROWS_IN_MEMORY',
    integer(1000, 10_000_000),
    'Rows of features that wait for a segment file at most; further predictions are answered but not logged.',
  )
  maxRowsInMemory = 100_000;

  @Env(
    'MODELPLANE_PREDICTION_LOG_MAX_SEGMENT_BYTES',
    integer(2 ** 20, 2 ** 42),
    'Bytes of segment files at most, of each process; further predictions are answered but not logged.',
  )
  maxSegmentBytes = 2 ** 30;

  @Env(
    'MODELPLANE_PREDICTION_LOG_DIR',
    folder,
    'Folder of the segment files, on a local disk that outlives the process; empty: prediction-log in MODELPLANE_STATE_DIR.',
  )
  dir = '';

  /** @param stateDir MODELPLANE_STATE_DIR */
  folderIn(stateDir: string): string {
    return this.dir || resolve(stateDir, 'prediction-log');
  }
}
