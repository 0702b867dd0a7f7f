import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, Caller } from '../../../platform/auth/access.decorator.js';
import type { Identity } from '../../../platform/auth/identity.js';
import { ApiJobId, ApiModelId } from '../../../platform/http/api-params.decorator.js';
import { ApiProblems } from '../../../platform/http/api-problems.decorator.js';
import { Idempotent } from '../../../platform/idempotency/idempotent.decorator.js';
import { ApiRerun } from '../../../platform/jobs/job-reruns.http.js';
import { JobRoutes } from '../../../platform/jobs/job-routes.js';
import { ListJobsQuery } from '../../../platform/jobs/jobs.dto.js';
import { PREDICTION_EXPORT, toBody } from './prediction-export-job.js';
import { ExportPredictionsDto, PredictionExportBody, PredictionExportPage } from './prediction-export.dto.js';
import { PredictionExportService } from './prediction-export.service.js';

@ApiTags('Prediction log')
@Controller('api/v1/models/:model_id/predictions/export')
export class PredictionExportController {
  constructor(private readonly exports: PredictionExportService) {}

  @Post()
  @Access('scientist')
  @Idempotent()
  @HttpCode(202)
  @ApiOperation({ summary: 'Export the logged predictions of a model to an object' })
  @ApiModelId()
  @ApiAcceptedResponse({ type: PredictionExportBody })
  @ApiProblems(400, 403, 404, 409, 422)
  submit(
    @Caller() caller: Identity,
    @Param('model_id') id: string,
    @Body() dto: ExportPredictionsDto,
  ): Promise<PredictionExportBody> {
    return this.exports.submit(caller, id, dto);
  }
}

const Routes = JobRoutes({
  kind: PREDICTION_EXPORT,
  noun: 'an export',
  body: PredictionExportBody,
  toBody,
  cancels: 'scientist',
});

@ApiTags('Prediction log')
@Controller('api/v1/predictions/exports')
export class PredictionExportsController extends Routes {
  constructor(private readonly exports: PredictionExportService) {
    super();
  }

  @Post(':job_id/rerun')
  @Access('scientist')
  @Idempotent()
  @HttpCode(202)
  @ApiOperation({ summary: 'Submit the request of an export again, with changes' })
  @ApiJobId(PREDICTION_EXPORT.prefix)
  @ApiRerun(ExportPredictionsDto)
  @ApiAcceptedResponse({ type: PredictionExportBody })
  @ApiProblems(400, 403, 404, 409, 422)
  rerun(
    @Caller() caller: Identity,
    @Param('job_id') id: string,
    @Body() changes: object,
  ): Promise<PredictionExportBody> {
    return this.exports.rerun(caller, id, changes);
  }

  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'List exports, newest first' })
  @ApiOkResponse({ type: PredictionExportPage })
  @ApiProblems(400)
  list(@Caller() caller: Identity, @Query() query: ListJobsQuery): Promise<PredictionExportPage> {
    return this.jobs.list(caller.tenant, PREDICTION_EXPORT, query, toBody);
  }
}
