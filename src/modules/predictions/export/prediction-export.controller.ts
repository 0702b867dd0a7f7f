import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, Caller } from '../../../platform/auth/access.decorator.js';
import type { Identity } from '../../../platform/auth/identity.js';
import { ApiJobId, ApiModelId } from '../../../platform/http/api-params.decorator.js';
import { ApiProblems } from '../../../platform/http/api-problems.decorator.js';
import { Idempotent } from '../../../platform/idempotency/idempotent.decorator.js';
import { ExportPredictionsDto, PredictionExportBody } from './prediction-export.dto.js';
import { PredictionExportService } from './prediction-export.service.js';

@ApiTags('Prediction log')
@Controller('api/v1')
export class PredictionExportController {
  constructor(private readonly exports: PredictionExportService) {}

  @Post('models/:model_id/predictions/export')
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

  @Get('predictions/exports/:job_id')
  @Access('viewer')
  @ApiOperation({ summary: 'Get state and result of an export' })
  @ApiJobId('export')
  @ApiOkResponse({ type: PredictionExportBody })
  @ApiProblems(404)
  get(@Caller() caller: Identity, @Param('job_id') id: string): Promise<PredictionExportBody> {
    return this.exports.get(caller.tenant, id);
  }

  @Delete('predictions/exports/:job_id')
  @Access('scientist')
  @HttpCode(200)
  @ApiOperation({ summary: 'Cancel an export' })
  @ApiJobId('export')
  @ApiOkResponse({ type: PredictionExportBody })
  @ApiProblems(404, 409)
  cancel(@Caller() caller: Identity, @Param('job_id') id: string): Promise<PredictionExportBody> {
    return this.exports.cancel(caller.tenant, id);
  }
}
