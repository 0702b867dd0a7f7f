import type { ScoreTable, Spread, ThresholdChoice, ThresholdCurve, ThresholdPoint } from '#libs/statistics';
import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import { ModelVersion } from '../model.entity.js';

/** How well intervals or sets covered half of the calibration rows that were calibrated by the other half. */
export interface MeasuredCoverage {
  coverage: number;
  /** Share of the rows that were covered. */
  measured: number;
  /** Mean width of the intervals, or mean number of classes of the sets. */
  mean_size: number;
}

/** `calibration` of contracts/job-event.v1.schema.json. */
export interface MeasuredCalibration {
  /** All calibration rows. */
  rows: number;
  /** The part that training held out, validation files of its own, or a table that was named later. */
  source: 'held_out' | 'validation_files' | 'table';
  /** What of the training looked at these rows; answers to them are then a little too good. */
  seen_by: ('early_stopping' | 'training')[];
  scores: ScoreTable;
  /** Of a regression with enough rows. */
  spread: Spread | null;
  measured: MeasuredCoverage[];
}

/** What an engine finds out by labelled rows; contracts/job-event.v1.schema.json. */
export interface MeasuredCertainty {
  calibration: MeasuredCalibration;
  /** Of two classes that both have rows. */
  threshold_curve: ThresholdCurve | null;
}

export interface Calibration extends MeasuredCalibration {
  job_id: string;
  created_by: string;
  created_at: string;
}

/** From which probability on the second of two classes is answered, and why. */
export interface Threshold {
  value: number;
  /** null where the value itself was given. */
  choice: ThresholdChoice | null;
  /** What was measured of it when it was chosen; null where the value was given. */
  measured: ThresholdPoint | null;
  set_by: string;
  set_at: string;
}

/**
 * What is known beside a version, which itself never changes: how sure its answers are, and how probable its second class
 * has to be to be answered.
 */
@Entity('version_certainties')
@ForeignKey(() => ModelVersion, ['tenantId', 'versionId'], ['tenantId', 'id'], {
  name: 'version_certainties_version_fkey',
  onDelete: 'CASCADE',
})
export class VersionCertainty {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'version_certainties_pkey' })
  tenantId: string;

  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'version_certainties_pkey' })
  versionId: string;

  @Column('jsonb', { nullable: true })
  calibration: Calibration | null;

  /** Measured on the rows of the calibration, of two classes. */
  @Column('jsonb', { nullable: true })
  thresholdCurve: ThresholdCurve | null;

  /** null: the more probable class is answered. */
  @Column('jsonb', { nullable: true })
  threshold: Threshold | null;
}
