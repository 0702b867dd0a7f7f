import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsString,
  MaxLength,
} from 'class-validator';
import { IsTime } from '../../../platform/http/is-time.decorator.js';
import { MayBeAbsent } from '../../../platform/http/may-be-absent.decorator.js';
import { OptionalBody } from '../../../platform/http/optional-body.decorator.js';

@OptionalBody()
export class SubmitMaterializationDto {
  /**
   * Views whose online values are brought up to date: names, or name@v2 for one version. Without it every view of the
   * tenant, in the version that its name reads.
   * @example ["customer_features", "order_features"]
   */
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(200)
  @ArrayUnique()
  @IsString({ each: true })
  @MaxLength(80, { each: true })
  feature_views?: string[];

  /**
   * Read only what is new: from the watermark of a view, less its `max_lateness_seconds`, to now; everything the first
   * time. false reads everything. Without it true, unless `start` or `end` is given.
   * @example true
   */
  @MayBeAbsent()
  @IsBoolean()
  incremental?: boolean;

  /**
   * Read rows behind this time, by event or created time, in place of `incremental`; without it from the first row.
   * @example 2026-02-01T00:00:00Z
   */
  @MayBeAbsent()
  @IsTime()
  start?: string;

  /**
   * Read rows up to this time, with it; at most now, which it is without it.
   * @example 2026-02-12T00:00:00Z
   */
  @MayBeAbsent()
  @IsTime()
  end?: string;
}
