import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsObject, IsString, Max, MaxLength, Min, ValidateNested } from 'class-validator';
import { MayBeAbsent } from '../../platform/http/may-be-absent.decorator.js';
import { PageInfo } from '../../platform/http/page.js';
import { JobBody, ListJobsQuery } from '../../platform/jobs/jobs.dto.js';
import { LabelledTableDto } from '../models/labelled-table.dto.js';
import { LEARNING_METHODS, type LearningMethod } from '../models/model.entity.js';

const MOST_ROUNDS = 200;
const MOST_FOLDS = 20;

/** How a table teaches an ensemble how its members count. */
export class LearningDto {
  /**
   * Of greedy: how often a member is added to those that were best together.
   * @example 50
   */
  @ApiProperty({ required: false, default: 50, minimum: 1, maximum: MOST_ROUNDS })
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(MOST_ROUNDS)
  rounds?: number;

  /**
   * Members that were trained here on the very rows of the table are trained so often again, each time without another
   * part of them, and answer that part.
   * @example 5
   */
  @ApiProperty({ required: false, default: 5, minimum: 2, maximum: MOST_FOLDS })
  @MayBeAbsent()
  @IsInt()
  @Min(2)
  @Max(MOST_FOLDS)
  folds?: number;
}

export class SubmitEnsembleFitDto extends LearningDto {
  /**
   * `greedy`: weights by forward selection with replacement (Caruana et al. 2004) for the log loss of a classification,
   * the squared error of a regression. `stacking`: a logistic regression over the members' probabilities, a ridge
   * regression over their values.
   * @example greedy
   */
  @ApiProperty({ enum: LEARNING_METHODS })
  @IsIn(LEARNING_METHODS)
  method: LearningMethod;

  /** The labelled table. */
  @IsObject()
  @ValidateNested()
  @Type(() => LabelledTableDto)
  data_config: LabelledTableDto;
}

export class SubmittedEnsembleFitBody {
  /**
   * Id of the job.
   * @example fit-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  job_id: string;

  /**
   * Always submitted.
   * @example submitted
   */
  status: string;

  /**
   * Ensemble.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  ensemble_id: string;

  /**
   * Version whose members are scored; the one that the job makes comes after it.
   * @example 1.0.0
   */
  version: string;
}

export class RerunEnsembleFitBody extends SubmittedEnsembleFitBody {
  /**
   * Job whose request it repeats.
   * @example fit-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  rerun_of: string;
}

export class ListEnsembleFitsQuery extends ListJobsQuery {
  /**
   * Only jobs for this ensemble, by its id.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(128)
  ensemble_id?: string;
}

export class LeaderboardMemberBody {
  /**
   * Model.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  /**
   * Version that answered the table.
   * @example 1.2.0
   */
  version: string;

  @ApiProperty({
    description: 'Its share of the answer; all sum to 1. null of stacking.',
    type: Number,
    nullable: true,
    example: 0.44,
  })
  weight: number | null;

  /**
   * Its own loss; the smallest is the best.
   * @example 0.412
   */
  loss: number;

  @ApiProperty({
    description:
      'Loss of the ensemble without it, its weight left to the others, or with a meta model over the others; null where no other has a weight. What lies above the loss of the ensemble is what the member is good for.',
    type: Number,
    nullable: true,
    example: 0.405,
  })
  loss_without: number | null;

  /**
   * Milliseconds that 1,000 rows took in the job, reading left out: the median of the table's blocks.
   * @example 3.2
   */
  milliseconds_per_1000_rows: number;

  /**
   * Whether it was trained on some of the table's files, so that its loss on fresh rows is higher, unless it
   * is_out_of_fold.
   * @example false
   */
  has_seen_rows: boolean;

  /**
   * Whether models answered for it that were trained alike without the rows.
   * @example false
   */
  is_out_of_fold: boolean;
}

export class LeaderboardBody {
  /**
   * Ensemble.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  ensemble_id: string;

  /**
   * Version that was learned.
   * @example 1.1.0
   */
  version: string;

  /**
   * How it was learned.
   * @example greedy
   */
  @ApiProperty({ enum: LEARNING_METHODS })
  method: LearningMethod;

  /**
   * The table.
   * @example s3://data/recent_customers.parquet
   */
  validation_path: string;

  /**
   * Column that held the truth.
   * @example churned
   */
  target_column: string;

  /**
   * Rows of the table that took part.
   * @example 1409
   */
  rows: number;

  /**
   * What each loss is, the mean over the rows: log_loss of a classification, squared_error of a regression.
   * @example log_loss
   */
  metric: string;

  /**
   * Loss of the ensemble, on the rows that it was learned by.
   * @example 0.401
   */
  loss: number;

  /**
   * What it would be if all members had the same weight.
   * @example 0.406
   */
  loss_of_equal_weights: number;

  @ApiProperty({
    description: 'The members, the one with the smallest loss first.',
    type: () => [LeaderboardMemberBody],
  })
  members: LeaderboardMemberBody[];

  /**
   * What makes the figures look better than they are on fresh rows.
   * @example []
   */
  warnings: string[];
}

export class EnsembleFitJobBody extends JobBody {
  /**
   * Ensemble.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  ensemble_id: string;

  /**
   * Version whose members are scored.
   * @example 1.0.0
   */
  version: string;

  @ApiProperty({
    description: 'The leaderboard of the version that was made; null until it is there.',
    type: LeaderboardBody,
    nullable: true,
  })
  result: LeaderboardBody | null;
}

export class EnsembleFitPage {
  /** Jobs, newest first. */
  @ApiProperty({ type: () => [EnsembleFitJobBody] })
  data: EnsembleFitJobBody[];

  /** Where the page stands. */
  page: PageInfo;
}
