import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsNumber,
  IsObject,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { MayBeAbsent } from '../../../platform/http/may-be-absent.decorator.js';
import { DATA_FORMATS, type DataFormat } from '../../../platform/storage/data-files.js';
import { IsTags } from '../../models/models.dto.js';
import {
  AGGREGATE_FUNCTIONS,
  type AggregateFunction,
  FAILURE_ACTIONS,
  type FailureAction,
  FEATURE_TYPES,
  type FeatureRules,
  type FeatureType,
  type JsonValue,
  KEY_TYPES,
  type KeyType,
  SCALAR_TYPES,
  type ScalarType,
} from './definitions.js';

const MOST_KEYS = 8;
/** So many fit into a body whose objects are bounded, each with its rules. */
const MOST_FEATURES = 300;
const MOST_REFERENCES = 500;
/** Ten years. */
export const MOST_SECONDS = 3650 * 86_400;

class AnnotationsDto {
  @ApiProperty({
    description: 'What it is, for people.',
    type: String,
    required: false,
    nullable: true,
    example: 'Orders and habits of a customer',
  })
  @IsOptional()
  @IsString()
  @MaxLength(4000)
  description?: string | null;

  /**
   * Up to 64 names and values to find it by.
   * @example { "team": "customer-analytics" }
   */
  @MayBeAbsent()
  @IsTags()
  tags?: Record<string, string>;

  @ApiProperty({
    description: 'Who answers for it.',
    type: String,
    required: false,
    nullable: true,
    example: 'ana@acme.example',
  })
  @IsOptional()
  @IsString()
  @MaxLength(256)
  owner?: string | null;
}

export class KeyColumnDto {
  /**
   * Name of the column, in sources and in entity rows.
   * @example customer_id
   */
  @IsString()
  @MaxLength(63)
  name: string;

  /**
   * Type of its values.
   * @example string
   */
  @ApiPropertyOptional({ enum: KEY_TYPES })
  @IsIn(KEY_TYPES)
  type: KeyType;
}

export class PutEntityDto extends AnnotationsDto {
  /** The columns that tell one from another. */
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MOST_KEYS)
  @ValidateNested({ each: true })
  @Type(() => KeyColumnDto)
  keys: KeyColumnDto[];
}

export class ViewSourceDto {
  /**
   * Files of rows: a file, a folder (with a slash at its end) or a glob of Parquet, CSV or JSON lines.
   * @example s3://data/customers/*.parquet
   */
  @IsString()
  @MaxLength(1200)
  path: string;

  /**
   * Format of the files; without it their names tell.
   * @example parquet
   */
  @ApiPropertyOptional({ enum: DATA_FORMATS, required: false })
  @MayBeAbsent()
  @IsIn(DATA_FORMATS)
  format?: DataFormat;

  /**
   * Types of the columns that `where` of an aggregation reads.
   * @example { "status": "string" }
   */
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'string', enum: [...SCALAR_TYPES] },
  })
  @MayBeAbsent()
  @IsObject()
  columns?: Record<string, ScalarType>;
}

export class FeatureRulesDto implements FeatureRules {
  /**
   * Whether each row must have a value.
   * @example true
   */
  @MayBeAbsent()
  @IsBoolean()
  not_null?: boolean;

  @ApiProperty({
    description:
      'Least and greatest value of a number or a timestamp; null: no bound. An int64 past 2^53 - 1 is a text.',
    type: 'array',
    items: { oneOf: [{ type: 'number' }, { type: 'string' }], nullable: true },
    minItems: 2,
    maxItems: 2,
    required: false,
    example: [0, 100000],
  })
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(2)
  @ArrayMaxSize(2)
  between?: [number | string | null, number | string | null];

  @ApiProperty({
    description: 'The values that there may be, of a string, a number or a boolean.',
    type: 'array',
    items: { oneOf: [{ type: 'string' }, { type: 'number' }, { type: 'boolean' }] },
    minItems: 1,
    maxItems: 1000,
    required: false,
    example: ['gold', 'silver'],
  })
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(1000)
  in?: (string | number | boolean)[];

  /**
   * Largest share of the rows of a run that may lack a value, 0 to 1.
   * @example 0.1
   */
  @MayBeAbsent()
  @IsNumber({ allowNaN: false, allowInfinity: false })
  @Min(0)
  @Max(1)
  max_missing_share?: number;
}

export class FeatureDto {
  /**
   * Name of the feature.
   * @example total_orders
   */
  @IsString()
  @MaxLength(63)
  name: string;

  /**
   * Type of its values.
   * @example int64
   */
  @ApiProperty({ enum: FEATURE_TYPES })
  @IsIn(FEATURE_TYPES)
  type: FeatureType;

  /**
   * Column of the source that holds it; its name without one.
   * @example orders_total
   */
  @MayBeAbsent()
  @IsString()
  @IsNotEmpty()
  @MaxLength(256)
  column?: string;

  @ApiProperty({
    description: 'What it is, for people.',
    type: String,
    required: false,
    nullable: true,
    example: 'Orders of all time',
  })
  @IsOptional()
  @IsString()
  @MaxLength(4000)
  description?: string | null;

  /** What must hold of its values when they are taken in. */
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => FeatureRulesDto)
  rules?: FeatureRulesDto;

  /**
   * Of a view on demand: what the value is, as a scalar expression of SQL over its inputs.
   * @example total_orders / nullif(days_active, 0)
   */
  @MayBeAbsent()
  @IsString()
  @IsNotEmpty()
  @MaxLength(2000)
  expression?: string;
}

export class AggregationDto {
  /**
   * Name of the feature.
   * @example orders_30d
   */
  @IsString()
  @MaxLength(63)
  name: string;

  /**
   * What is made of the events in the window.
   * @example sum
   */
  @ApiProperty({ enum: AGGREGATE_FUNCTIONS })
  @IsIn(AGGREGATE_FUNCTIONS)
  function: AggregateFunction;

  @ApiProperty({
    description: 'Column of the source; `count` without one counts events.',
    type: String,
    required: false,
    nullable: true,
    example: 'amount',
  })
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  @MaxLength(256)
  column?: string | null;

  /**
   * How far back events count: a number and s, m, h or d, from 1s to 3650d.
   * @example 30d
   */
  @IsString()
  @MaxLength(20)
  window: string;

  @ApiProperty({
    description: 'Of `last_n`: how many of the newest values.',
    type: 'integer',
    minimum: 1,
    maximum: 100,
    required: false,
    nullable: true,
    example: null,
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(100)
  n?: number | null;

  /**
   * Type of the value; asked for with min, max, first, last and last_n, and told by the function with the others.
   * @example float64
   */
  @ApiProperty({ enum: FEATURE_TYPES, required: false })
  @MayBeAbsent()
  @IsIn(FEATURE_TYPES)
  type?: FeatureType;

  @ApiProperty({
    description:
      'Which events count: a condition of SQL over columns of the source whose types `source.columns` tells.',
    type: String,
    required: false,
    nullable: true,
    example: "status = 'paid'",
  })
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  @MaxLength(2000)
  where?: string | null;

  /** What must hold of its values when they are computed. */
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => FeatureRulesDto)
  rules?: FeatureRulesDto;
}

export class RequestInputDto {
  /**
   * Name of a value that comes with each request.
   * @example basket_value
   */
  @IsString()
  @MaxLength(63)
  name: string;

  /**
   * Type of its values.
   * @example float64
   */
  @ApiProperty({ enum: FEATURE_TYPES })
  @IsIn(FEATURE_TYPES)
  type: FeatureType;
}

export class OnDemandInputsDto {
  /** Values that come with each request. */
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(MOST_FEATURES)
  @ValidateNested({ each: true })
  @Type(() => RequestInputDto)
  request?: RequestInputDto[];

  /**
   * Features of other views, as view:feature or view@v2:feature.
   * @example ["customer_features:total_orders"]
   */
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(MOST_FEATURES)
  @IsString({ each: true })
  @MaxLength(200, { each: true })
  features?: string[];
}

/** A view of the features in a source, or, with `inputs`, of features that are computed when they are asked for. */
export class PutViewDto extends AnnotationsDto {
  /**
   * Entities whose keys the source holds.
   * @example ["customer"]
   */
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MOST_KEYS)
  @IsString({ each: true })
  entities?: string[];

  /** Where the rows are. */
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => ViewSourceDto)
  source?: ViewSourceDto;

  /**
   * Column that holds since when the values of a row hold, or when its event was.
   * @example event_timestamp
   */
  @MayBeAbsent()
  @IsString()
  @IsNotEmpty()
  @MaxLength(256)
  timestamp_column?: string;

  @ApiProperty({
    description:
      'Column that holds when a row was written: of equal timestamps the later row counts, and no training row sees what was written after it.',
    type: String,
    required: false,
    nullable: true,
    example: 'created',
  })
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  @MaxLength(256)
  created_column?: string | null;

  @ApiProperty({
    description: 'Column that holds when the values of a row end to hold.',
    type: String,
    required: false,
    nullable: true,
    example: null,
  })
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  @MaxLength(256)
  expires_column?: string | null;

  @ApiProperty({
    description: 'Seconds after its timestamp for which a value holds; null: for ever.',
    type: 'integer',
    minimum: 1,
    maximum: MOST_SECONDS,
    required: false,
    nullable: true,
    example: 2_592_000,
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MOST_SECONDS)
  ttl_seconds?: number | null;

  @ApiProperty({
    description: 'Seconds that an incremental run looks back behind the last one for rows that came late.',
    type: 'integer',
    minimum: 0,
    maximum: MOST_SECONDS,
    default: 86_400,
    required: false,
    example: 86_400,
  })
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(MOST_SECONDS)
  max_lateness_seconds?: number;

  @ApiProperty({
    description:
      'Seconds after its newest event at which the view counts as stale, and an event tells so; null: never.',
    type: 'integer',
    minimum: 1,
    maximum: 365 * 86_400,
    required: false,
    nullable: true,
    example: 172_800,
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(365 * 86_400)
  freshness_alarm_seconds?: number | null;

  /** Features: columns of the source or, with `inputs`, expressions. */
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MOST_FEATURES)
  @ValidateNested({ each: true })
  @Type(() => FeatureDto)
  features?: FeatureDto[];

  /** Instead of `features`: what is made of the events of a window. */
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MOST_FEATURES)
  @ValidateNested({ each: true })
  @Type(() => AggregationDto)
  aggregations?: AggregationDto[];

  /**
   * What becomes of a run in which a rule is broken: `block` fails it before anything is written, `quarantine` leaves the
   * rows out and keeps them in a file, `warn` takes them in.
   * @example block
   */
  @ApiPropertyOptional({ enum: FAILURE_ACTIONS, required: false, default: 'block' })
  @MayBeAbsent()
  @IsIn(FAILURE_ACTIONS)
  on_failure?: FailureAction;

  /** Makes it a view on demand: what its expressions read. */
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => OnDemandInputsDto)
  inputs?: OnDemandInputsDto;
}

export class PutServiceDto extends AnnotationsDto {
  /**
   * The features that a model takes, in its order: view:feature, or view@v2:feature of one version of the view.
   * @example ["customer_features:total_orders", "customer_features:avg_order_value"]
   */
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MOST_REFERENCES)
  @IsString({ each: true })
  @MaxLength(200, { each: true })
  features: string[];

  @ApiPropertyOptional({
    description: 'Other names of features, by their references.',
    type: 'object',
    additionalProperties: { type: 'string' },
    example: { 'customer_features:total_orders': 'orders' },
  })
  @MayBeAbsent()
  @IsObject()
  rename?: Record<string, string>;

  @ApiPropertyOptional({
    description: 'Values in place of those that are missing, expired or null, by the names of the features.',
    type: 'object',
    additionalProperties: true,
    example: { orders: 0 },
  })
  @MayBeAbsent()
  @IsObject()
  default_values?: Record<string, JsonValue>;
}
