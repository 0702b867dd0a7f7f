import { IsString, MaxLength } from 'class-validator';
import { IsTime } from '../../../platform/http/is-time.decorator.js';
import { MayBeAbsent } from '../../../platform/http/may-be-absent.decorator.js';

export class SubmitSkewDto {
  /**
   * Model whose predictions are looked at: its id or name, or name@stage.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  @IsString()
  @MaxLength(300)
  model_id: string;

  /**
   * Version that answered; without it the one that answers by default now.
   * @example 1.2.0
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(64)
  version?: string;

  /**
   * Predictions from this time on.
   * @example 2026-02-11T00:00:00Z
   */
  @IsTime()
  from: string;

  /**
   * Predictions before this time.
   * @example 2026-02-12T00:00:00Z
   */
  @IsTime()
  to: string;
}
