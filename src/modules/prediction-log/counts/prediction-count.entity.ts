import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** Requests for one version of a model in one minute that ended with the same code. */
@Entity('prediction_counts')
@Index('prediction_counts_window_idx', ['windowStart'])
export class PredictionCount {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'prediction_counts_pkey' })
  tenantId: string;

  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'prediction_counts_pkey' })
  modelId: string;

  /** Beginning of the minute, by the time in the id of each request. */
  @PrimaryColumn('timestamptz', { primaryKeyConstraintName: 'prediction_counts_pkey' })
  windowStart: Date;

  /** Empty where a refused request was for no version that is known. */
  @PrimaryColumn('text', { primaryKeyConstraintName: 'prediction_counts_pkey' })
  version: string;

  /** `OK`, or the code of the problem. */
  @PrimaryColumn('text', { primaryKeyConstraintName: 'prediction_counts_pkey' })
  code: string;

  @Column('bigint')
  requests: string;

  @Column('bigint')
  rowCount: string;
}
