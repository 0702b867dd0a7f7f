import { ApiProperty, IntersectionType } from '@nestjs/swagger';
import type { MetaModel } from '#libs/inference';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNumber,
  IsObject,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { IsNormalized } from '../../platform/http/is-normalized.decorator.js';
import { MayBeAbsent } from '../../platform/http/may-be-absent.decorator.js';
import { PageInfo, PageQuery } from '../../platform/http/page.js';
import {
  ENSEMBLE_METHODS,
  ENSEMBLE_STRATEGIES,
  type EnsembleMethod,
  type EnsembleStrategy,
} from '../models/model.entity.js';
import { LabelledTableDto } from '../models/labelled-table.dto.js';
import { IsModelName, IsTags } from '../models/models.dto.js';
import { LearningDto } from './ensemble-fits.dto.js';

export const MOST_MEMBERS = 16;

/** A model that the ensemble asks. */
export class EnsembleMemberDto {
  /**
   * The model: its id or name, which follows what the model answers with by default, or name@stage, which follows that
   * stage (production, staging or development).
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  @IsString()
  @MaxLength(200)
  model_id: string;

  /**
   * Exactly this version, for good. Not beside a stage.
   * @example 1.2.0
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(32)
  version?: string;

  /**
   * How much its answer counts, of any scale; 1 where no member has one. Either all members have one or none.
   * @example 0.4
   */
  @MayBeAbsent()
  @IsNumber({ allowNaN: false, allowInfinity: false })
  @Min(0)
  @Max(1_000_000)
  weight?: number;

  /**
   * Milliseconds after which it has failed, all its tries together.
   * @example 500
   */
  @ApiProperty({ required: false, default: 5000, minimum: 1, maximum: 60_000 })
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(60_000)
  timeout_ms?: number;

  /**
   * How often it is asked again, within its time, where it cannot answer for a moment.
   * @example 1
   */
  @ApiProperty({ required: false, default: 0, minimum: 0, maximum: 5 })
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(5)
  retries?: number;

  /**
   * Whether the ensemble has no answer without its.
   * @example false
   */
  @ApiProperty({ required: false, default: false })
  @MayBeAbsent()
  @IsBoolean()
  required?: boolean;
}

/** How an ensemble asks its members. */
class EnsembleOptionsDto {
  /**
   * Ask all members at once rather than one after the other.
   * @example true
   */
  @ApiProperty({ required: false, default: true })
  @MayBeAbsent()
  @IsBoolean()
  parallel_inference?: boolean;

  /**
   * Answer 503 as soon as one member fails.
   * @example false
   */
  @ApiProperty({ required: false, default: false })
  @MayBeAbsent()
  @IsBoolean()
  fail_on_partial?: boolean;

  /**
   * So many members must answer, or the ensemble answers 503.
   * @example 2
   */
  @ApiProperty({ required: false, default: 1, minimum: 1 })
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(MOST_MEMBERS)
  min_models_required?: number;

  /**
   * `all` asks every member; `cascade` asks them in their order until the confidence reaches `threshold`.
   * @example all
   */
  @ApiProperty({ required: false, enum: ENSEMBLE_STRATEGIES, default: 'all' })
  @MayBeAbsent()
  @IsIn(ENSEMBLE_STRATEGIES)
  strategy?: EnsembleStrategy;

  @ApiProperty({
    description: 'Of a cascade: the confidence, above 0 and at most 1, at which no further member is asked.',
    required: false,
    type: Number,
    example: 0.9,
  })
  @MayBeAbsent()
  @IsNumber({ allowNaN: false, allowInfinity: false })
  @Min(0)
  @Max(1)
  threshold?: number;
}

export class ChangeEnsembleDto extends EnsembleOptionsDto {
  @ApiProperty({
    description:
      'Replaces all members; without it they stay, and each that follows its model is checked against the others again.',
    type: () => [EnsembleMemberDto],
    required: false,
    minItems: 2,
    maxItems: MOST_MEMBERS,
  })
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(2)
  @ArrayMaxSize(MOST_MEMBERS)
  @ValidateNested({ each: true })
  @Type(() => EnsembleMemberDto)
  models?: EnsembleMemberDto[];

  /**
   * How answers become one: voting_soft (mean probabilities), voting_hard (votes), averaging (mean values), rank (mean
   * ranks). A fit makes it stacking.
   * @example voting_soft
   */
  @ApiProperty({ required: false, enum: ENSEMBLE_METHODS })
  @MayBeAbsent()
  @IsString()
  method?: EnsembleMethod | 'greedy';
}

export class CreateEnsembleDto extends IntersectionType(EnsembleOptionsDto, LearningDto) {
  /**
   * Name, unique among the models of the tenant.
   * @example churn_ensemble
   */
  @IsString()
  @IsModelName()
  @IsNormalized()
  name: string;

  /**
   * What it is for.
   * @example "The three best churn models"
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(4000)
  description?: string;

  /**
   * Up to 64 names and values to find it by.
   * @example { "team": "customer-analytics" }
   */
  @MayBeAbsent()
  @IsTags()
  tags?: Record<string, string>;

  @ApiProperty({
    description: 'The models that are asked; a cascade asks them in this order.',
    type: () => [EnsembleMemberDto],
    minItems: 2,
    maxItems: MOST_MEMBERS,
  })
  @IsArray()
  @ArrayMinSize(2)
  @ArrayMaxSize(MOST_MEMBERS)
  @ValidateNested({ each: true })
  @Type(() => EnsembleMemberDto)
  models: EnsembleMemberDto[];

  /**
   * How answers become one: voting_soft (mean probabilities), voting_hard (votes), averaging (mean values), rank (mean
   * ranks), stacking (a meta model over probabilities or values). greedy is voting_soft or averaging with learned weights. Stacking and
   * greedy answer once the table of `data_config` has taught them.
   * @example voting_soft
   */
  @ApiProperty({ enum: [...ENSEMBLE_METHODS, 'greedy'] })
  @IsString()
  method: EnsembleMethod | 'greedy';

  /** Of stacking and greedy: the labelled table. */
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => LabelledTableDto)
  data_config?: LabelledTableDto;
}

export class ListEnsemblesQuery extends PageQuery {
  /**
   * Only the ensemble of this name.
   * @example churn_ensemble
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(128)
  name?: string;
}

export class ShowEnsembleQuery {
  /**
   * The version to show; without it the one that answers by default.
   * @example 1.1.0
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(32)
  version?: string;
}

export class EnsembleMemberBody {
  /**
   * Model that is asked.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  @ApiProperty({
    description: 'The version that is asked; null where the member follows its model.',
    type: String,
    nullable: true,
    example: null,
  })
  version: string | null;

  @ApiProperty({
    description:
      'The stage that the member follows; null for a version, or what the model answers with by default.',
    type: String,
    nullable: true,
    example: 'production',
  })
  stage: string | null;

  @ApiProperty({
    description: 'The version that answers for it now; null where none does.',
    type: String,
    nullable: true,
    example: '1.2.0',
  })
  answering_version: string | null;

  @ApiProperty({
    description: 'Why it does not answer now; null where it does.',
    type: String,
    nullable: true,
    example: null,
  })
  problem: string | null;

  @ApiProperty({
    description: 'How much its answer counts, beside the weights of the others; null of stacking.',
    type: Number,
    nullable: true,
    example: 0.4,
  })
  weight: number | null;

  /**
   * Milliseconds after which it has failed.
   * @example 5000
   */
  timeout_ms: number;

  /**
   * How often it is asked again.
   * @example 0
   */
  retries: number;

  /**
   * Whether the ensemble has no answer without its.
   * @example false
   */
  required: boolean;
}

/** A linear model over the answers of all members. */
export class MetaModelBody implements MetaModel {
  @ApiProperty({
    description:
      'A list an output: one for the second of two classes, one a class where there are more, one for a value. Each reads, member after member, the probability of the second of two classes, the probabilities of all classes, or the value.',
    type: 'array',
    items: { type: 'array', items: { type: 'number' } },
    example: [[2.1, 3.4]],
  })
  coefficients: readonly (readonly number[])[];

  @ApiProperty({ description: 'One an output.', type: [Number], example: [-2.7] })
  intercepts: readonly number[];
}

export class EnsembleSummaryBody {
  /**
   * Id of the ensemble.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  ensemble_id: string;

  /**
   * The same id: an ensemble is a model.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  /**
   * Name, unique among the models of the tenant.
   * @example churn_ensemble
   */
  name: string;

  /**
   * What it is for.
   * @example "The three best churn models"
   */
  description: string;

  /**
   * Names and values to find it by.
   * @example { "team": "customer-analytics" }
   */
  tags: Record<string, string>;

  /**
   * What it predicts: classification or regression.
   * @example classification
   */
  model_type: string;

  /**
   * Always ensemble.
   * @example ensemble
   */
  framework: string;

  /**
   * The version that is shown: of a list the one that answers by default.
   * @example 1.0.0
   */
  version: string;

  /**
   * Stage of that version.
   * @example development
   */
  stage: string;

  /**
   * When it was made, UTC.
   * @example 2026-02-12T10:00:00.000Z
   */
  created_at: string;

  /**
   * When its description, tags or versions last changed, UTC.
   * @example 2026-02-12T10:05:00.000Z
   */
  updated_at: string;
}

export class EnsembleBody extends EnsembleSummaryBody {
  /**
   * How answers become one.
   * @example voting_soft
   */
  @ApiProperty({ enum: ENSEMBLE_METHODS })
  method: EnsembleMethod;

  /**
   * Whether the version answers; false until a table has taught it how its members count.
   * @example true
   */
  ready: boolean;

  @ApiProperty({
    description: 'Job that taught it how its members count, or is to; null where that was given.',
    type: String,
    nullable: true,
    example: null,
  })
  job_id: string | null;

  @ApiProperty({ description: 'The models that are asked.', type: () => [EnsembleMemberBody] })
  members: EnsembleMemberBody[];

  @ApiProperty({
    description: 'Of stacking: what makes one answer of the members’.',
    type: MetaModelBody,
    nullable: true,
  })
  meta_model: MetaModelBody | null;

  /**
   * Whether all are asked at once.
   * @example true
   */
  parallel_inference: boolean;

  /**
   * Whether there is no answer as soon as one member fails.
   * @example false
   */
  fail_on_partial: boolean;

  /**
   * How many members must answer.
   * @example 2
   */
  min_models_required: number;

  /**
   * Which members are asked.
   * @example all
   */
  @ApiProperty({ enum: ENSEMBLE_STRATEGIES })
  strategy: EnsembleStrategy;

  @ApiProperty({
    description: 'Of a cascade: the confidence at which no further member is asked.',
    type: Number,
    nullable: true,
    example: null,
  })
  threshold: number | null;

  /**
   * What its maker should know, such as members that are answered by the same version now.
   * @example []
   */
  warnings: string[];
}

export class EnsemblePage {
  /** Ensembles, newest first. */
  @ApiProperty({ type: () => [EnsembleSummaryBody] })
  data: EnsembleSummaryBody[];

  /** Where the page stands. */
  page: PageInfo;
}
