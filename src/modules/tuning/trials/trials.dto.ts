import { ApiProperty } from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { MayBeAbsent } from '../../../platform/http/may-be-absent.decorator.js';
import { PageInfo, PageQuery } from '../../../platform/http/page.js';
import { TrialsFileBody } from '../tuning.dto.js';
import { TRIAL_STATES, type TrialState } from './trial.entity.js';

const FORMATS = ['json', 'parquet'] as const;
type Format = (typeof FORMATS)[number];

export class ListTrialsQuery extends PageQuery {
  /**
   * Only trials in this state.
   * @example succeeded
   */
  @MayBeAbsent()
  @IsIn(TRIAL_STATES)
  state?: TrialState;

  /**
   * parquet answers where all trials lie as one file, once the study has succeeded.
   * @example json
   */
  @MayBeAbsent()
  @IsIn(FORMATS)
  format?: Format;
}

export class TrialStepBody {
  /**
   * Fold from 1, or rounds done.
   * @example 1
   */
  step: number;

  /**
   * Objective of the fold, or what the pruner compares.
   * @example 0.9021
   */
  value: number;
}

export class TrialBody {
  /**
   * Number, from 0 in the order of the suggestions.
   * @example 17
   */
  number: number;

  @ApiProperty({ description: 'State.', enum: TRIAL_STATES, example: 'succeeded' })
  state: TrialState;

  /**
   * Whether its parameters were suggested, or are of initial_trials: suggested or initial.
   * @example suggested
   */
  origin: string;

  /**
   * Parameters that were searched.
   * @example { "n_estimators": 200, "max_depth": 5, "learning_rate": 0.043, "min_samples_split": 5 }
   */
  parameters: Record<string, unknown>;

  /**
   * The objective, of a study of one; null unless it has succeeded.
   * @example 0.9135
   */
  value?: number | null;

  @ApiProperty({
    description: 'The objectives in their order, of a study of several; null unless it has succeeded.',
    type: [Number],
    required: false,
    nullable: true,
    example: [0.9135, 1.2],
  })
  values?: number[] | null;

  /**
   * Whether it keeps all constraints; null unless it has succeeded.
   * @example true
   */
  feasible: boolean | null;

  /**
   * All that was measured, with cv_folds the means of the parts.
   * @example { "val_accuracy": 0.9135, "val_loss": 0.231 }
   */
  metrics: Record<string, number | null>;

  /** Values on the way. */
  steps: TrialStepBody[];

  /**
   * When it began, UTC.
   * @example 2026-02-12T10:00:02.000Z
   */
  started_at: string;

  /**
   * When it ended, UTC; null until then.
   * @example 2026-02-12T10:00:04.100Z
   */
  ended_at: string | null;

  /**
   * How long it took, in seconds.
   * @example 2.1
   */
  duration_seconds: number | null;

  /**
   * How often it was begun: a process that dies is begun once more.
   * @example 1
   */
  tries: number;

  /**
   * Why it failed or was pruned; else null.
   * @example The median of the trials before it was better after 10 rounds.
   */
  reason: string | null;
}

export class TrialPage {
  /** Trials by number. */
  data: TrialBody[];

  /** Where the page stands. */
  page: PageInfo;
}

/** Answer to format=parquet. */
export class TrialsParquetBody extends TrialsFileBody {}
