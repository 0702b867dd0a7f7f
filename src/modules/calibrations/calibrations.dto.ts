import { Type } from 'class-transformer';
import { ApiProperty } from '@nestjs/swagger';
import { IsObject, IsString, MaxLength, ValidateNested } from 'class-validator';
import { MayBeAbsent } from '../../platform/http/may-be-absent.decorator.js';
import { PageInfo } from '../../platform/http/page.js';
import { JobBody, ListJobsQuery } from '../../platform/jobs/jobs.dto.js';
import { CalibrationBody } from '../models/certainty/calibration.dto.js';
import { LabelledTableDto } from '../models/labelled-table.dto.js';

export class SubmitCalibrationDto {
  /** The labelled table. */
  @IsObject()
  @ValidateNested()
  @Type(() => LabelledTableDto)
  data_config: LabelledTableDto;
}

export class SubmittedCalibrationBody {
  /**
   * Id of the job.
   * @example calib-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  job_id: string;

  /**
   * Always submitted.
   * @example submitted
   */
  status: string;

  /**
   * Model.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  /**
   * Version that will be calibrated.
   * @example 1.2.0
   */
  version: string;
}

export class RerunCalibrationBody extends SubmittedCalibrationBody {
  /**
   * Job whose request it repeats.
   * @example calib-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  rerun_of: string;
}

export class ListCalibrationsQuery extends ListJobsQuery {
  /**
   * Only jobs for this model, by its id.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(128)
  model_id?: string;
}

export class CalibrationJobBody extends JobBody {
  /**
   * Model.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  /**
   * Version that is calibrated.
   * @example 1.2.0
   */
  version: string;

  @ApiProperty({
    description: 'The calibration; null until it is there.',
    type: CalibrationBody,
    nullable: true,
  })
  result: CalibrationBody | null;
}

export class CalibrationPage {
  /** Calibration jobs, newest first. */
  data: CalibrationJobBody[];

  /** Where the page stands. */
  page: PageInfo;
}
