import { Body, Controller, Get, Headers, Param, Put, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { Access, Caller } from '../../platform/auth/access.decorator.js';
import type { Identity } from '../../platform/auth/identity.js';
import { ApiModelId } from '../../platform/http/api-params.decorator.js';
import { ApiProblems } from '../../platform/http/api-problems.decorator.js';
import { TaggedChange, TaggedRead } from '../../platform/http/etag.interceptor.js';
import {
  ListPredictionsQuery,
  LoggedPredictionBody,
  LoggedPredictionPage,
  LogSettingsBody,
  LogSettingsDto,
} from './prediction-log.dto.js';
import { PredictionLogService } from './prediction-log.service.js';

@ApiTags('Prediction log')
@Controller('api/v1')
export class PredictionLogController {
  constructor(private readonly log: PredictionLogService) {}

  @Get('predictions/:request_id')
  @Access('predictor')
  @TaggedRead()
  @ApiOperation({ summary: 'Get a prediction from the log, a moment after it was answered' })
  @ApiParam({
    name: 'request_id',
    description: 'Id of the request, as its answer has it.',
    example: 'req-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e',
  })
  @ApiOkResponse({ type: LoggedPredictionBody })
  @ApiProblems(404)
  get(@Caller() caller: Identity, @Param('request_id') id: string): Promise<LoggedPredictionBody> {
    return this.log.get(caller.tenant, id);
  }

  @Get('models/:model_id/predictions')
  @Access('scientist')
  @ApiOperation({ summary: 'List the logged predictions of a model, newest first' })
  @ApiModelId()
  @ApiOkResponse({ type: LoggedPredictionPage })
  @ApiProblems(400, 404)
  list(
    @Caller() caller: Identity,
    @Param('model_id') id: string,
    @Query() query: ListPredictionsQuery,
  ): Promise<LoggedPredictionPage> {
    return this.log.list(caller.tenant, id, query);
  }

  @Get('models/:model_id/prediction-log')
  @Access('viewer')
  @TaggedRead()
  @ApiOperation({ summary: "Get what of a model's predictions is logged and how long it is kept" })
  @ApiModelId()
  @ApiOkResponse({ type: LogSettingsBody })
  @ApiProblems(400, 404)
  settings(@Caller() caller: Identity, @Param('model_id') id: string): Promise<LogSettingsBody> {
    return this.log.settings(caller.tenant, id);
  }

  @Put('models/:model_id/prediction-log')
  @Access('admin')
  @TaggedChange()
  @ApiOperation({
    summary: "Set what of a model's predictions is logged; every server follows within seconds",
  })
  @ApiModelId()
  @ApiOkResponse({ type: LogSettingsBody })
  @ApiProblems(400, 404, 412, 422, 428)
  replaceSettings(
    @Caller() caller: Identity,
    @Param('model_id') id: string,
    @Body() dto: LogSettingsDto,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<LogSettingsBody> {
    return this.log.replaceSettings(caller.tenant, id, dto, ifMatch);
  }
}
