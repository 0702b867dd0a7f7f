import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, Caller } from '../../platform/auth/access.decorator.js';
import type { Identity } from '../../platform/auth/identity.js';
import { ApiJobId, ApiModelId, ApiVersion } from '../../platform/http/api-params.decorator.js';
import { ApiProblems } from '../../platform/http/api-problems.decorator.js';
import { Idempotent } from '../../platform/idempotency/idempotent.decorator.js';
import { ApiRerun } from '../../platform/jobs/job-reruns.http.js';
import { JobRoutes } from '../../platform/jobs/job-routes.js';
import { CALIBRATION, toCalibrationJobBody } from './calibration-job.js';
import {
  SubmitCalibrationDto,
  CalibrationJobBody,
  CalibrationPage,
  ListCalibrationsQuery,
  RerunCalibrationBody,
  SubmittedCalibrationBody,
} from './calibrations.dto.js';
import { CalibrationsService } from './calibrations.service.js';

@ApiTags('Models')
@Controller('api/v1/models/:model_id/versions/:version/calibration')
export class CalibrateController {
  constructor(private readonly calibrations: CalibrationsService) {}

  @Post()
  @Access('scientist')
  @Idempotent()
  @HttpCode(202)
  @ApiOperation({ summary: 'Calibrate a version by a labelled table, for intervals, sets and thresholds' })
  @ApiModelId()
  @ApiVersion()
  @ApiAcceptedResponse({ type: SubmittedCalibrationBody })
  @ApiProblems(400, 403, 404, 409, 422)
  calibrate(
    @Caller() caller: Identity,
    @Param('model_id') id: string,
    @Param('version') version: string,
    @Body() dto: SubmitCalibrationDto,
  ): Promise<SubmittedCalibrationBody> {
    return this.calibrations.submit(caller, id, version, dto);
  }
}

const Routes = JobRoutes({
  kind: CALIBRATION,
  noun: 'a calibration',
  body: CalibrationJobBody,
  toBody: toCalibrationJobBody,
  cancels: 'scientist',
});

@ApiTags('Models')
@Controller('api/v1/calibrations')
export class CalibrationsController extends Routes {
  constructor(private readonly calibrations: CalibrationsService) {
    super();
  }

  @Post(':job_id/rerun')
  @Access('scientist')
  @Idempotent()
  @HttpCode(202)
  @ApiOperation({ summary: 'Submit the request of a calibration again, with changes' })
  @ApiJobId(CALIBRATION.prefix)
  @ApiRerun(SubmitCalibrationDto)
  @ApiAcceptedResponse({ type: RerunCalibrationBody })
  @ApiProblems(400, 403, 404, 409, 422)
  rerun(
    @Caller() caller: Identity,
    @Param('job_id') id: string,
    @Body() changes: object,
  ): Promise<RerunCalibrationBody> {
    return this.calibrations.rerun(caller, id, changes);
  }

  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'List calibrations, newest first' })
  @ApiOkResponse({ type: CalibrationPage })
  @ApiProblems(400)
  list(@Caller() caller: Identity, @Query() query: ListCalibrationsQuery): Promise<CalibrationPage> {
    const { model_id } = query;
    return this.jobs.list(caller.tenant, CALIBRATION, query, toCalibrationJobBody, { model_id });
  }
}
