import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsObject,
  IsOptional,
  IsString,
  MaxLength,
  MinLength,
  ValidateNested,
} from 'class-validator';
import { ApiProperty } from '@nestjs/swagger';
import { MayBeAbsent } from '../../platform/http/may-be-absent.decorator.js';
import { IsLabels } from './labels.js';
import { FILE_FRAMEWORKS, type Framework } from './model.entity.js';

const MAX_FEATURES = 10_000;

/** One feature of an uploaded model. */
export class UploadedFeatureDto {
  /**
   * Name that requests use.
   * @example total_orders
   */
  @IsString()
  @MinLength(1)
  @MaxLength(512)
  name: string;

  /**
   * What its values are; as the graph's tensor says where left out: number for floats, integer for integers.
   * @example integer
   */
  @MayBeAbsent()
  @IsIn(['number', 'integer', 'boolean', 'string'])
  type?: 'number' | 'integer' | 'boolean' | 'string';

  /**
   * Input of the graph that takes it; the one of the same name where left out.
   * @example float_input
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(4096)
  tensor?: string;

  /**
   * Whether null is taken: NaN in a float tensor, the empty text in a string tensor.
   * @example false
   */
  @MayBeAbsent()
  @IsBoolean()
  nullable?: boolean;

  /**
   * Of a text: the values that the model tells apart; another one is answered with a warning.
   * @example ["basic", "gold"]
   */
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(10_000)
  @IsString({ each: true })
  categories?: string[];
}

/** What an ONNX file does not say of itself. */
export class UploadSignatureDto {
  @ApiProperty({
    description:
      'Features, in the order of the columns where one input takes all of them; a plain text is a name. Without it the inputs are the features.',
    type: 'array',
    items: { oneOf: [{ type: 'string' }, { $ref: '#/components/schemas/UploadedFeatureDto' }] },
    example: ['total_orders', { name: 'avg_order_value', type: 'number' }],
    required: false,
  })
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_FEATURES)
  @ValidateNested({ each: true })
  @Type(() => UploadedFeatureDto)
  features?: UploadedFeatureDto[];

  /**
   * What made the model. Without it what was registered, for the first version; then that of the upload before, and onnx
   * behind a version that was trained here.
   * @example sklearn
   */
  @MayBeAbsent()
  @IsIn(FILE_FRAMEWORKS)
  framework?: Framework;

  /**
   * Name of what is predicted.
   * @example churned
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(512)
  target?: string;

  @ApiProperty({
    description:
      'Classes in the order of the probabilities; those that the graph names where left out. Not for a regression.',
    type: 'array',
    items: { oneOf: [{ type: 'string' }, { type: 'number' }, { type: 'boolean' }] },
    example: ['stays', 'leaves'],
    required: false,
  })
  @MayBeAbsent()
  @IsLabels()
  labels?: (string | number | boolean)[];

  /**
   * Output with the class; needed where several could be it. Without one, or where it is null, the most probable class
   * is the answer.
   * @example label
   */
  @IsOptional()
  @IsString()
  @MaxLength(4096)
  label_tensor?: string | null;

  /**
   * Whether that output is the class itself or its index from 0; needed where neither the graph nor probabilities tell.
   * @example index
   */
  @MayBeAbsent()
  @IsIn(['index', 'value'])
  label_encoding?: 'index' | 'value';

  /**
   * Output with the probabilities, one column a class, or one column of the second of two classes. Where it is null none
   * are answered.
   * @example probabilities
   */
  @IsOptional()
  @IsString()
  @MaxLength(4096)
  probabilities_tensor?: string | null;

  /**
   * What that output holds. Logits become probabilities by softmax, or by the sigmoid function where there is one column.
   * @example probabilities
   */
  @MayBeAbsent()
  @IsIn(['logits', 'probabilities'])
  probabilities?: 'logits' | 'probabilities';

  /**
   * Output with the value of a regression; needed where several could be it.
   * @example variable
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(4096)
  value_tensor?: string;

  /**
   * Features of one row that the model answers; it is tried with them before it is taken.
   * @example { "total_orders": 15, "avg_order_value": 125.5 }
   */
  @MayBeAbsent()
  @IsObject()
  example?: Record<string, unknown>;
}
