import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Put } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, Caller } from '../../../platform/auth/access.decorator.js';
import type { Identity } from '../../../platform/auth/identity.js';
import { ApiModelId, ApiVersion } from '../../../platform/http/api-params.decorator.js';
import { ApiProblems } from '../../../platform/http/api-problems.decorator.js';
import { TaggedChange, TaggedRead } from '../../../platform/http/etag.interceptor.js';
import { CertaintiesService } from './certainties.service.js';
import { CalibrationBody } from './calibration.dto.js';
import { ThresholdBody, ThresholdDto } from './threshold.dto.js';

@ApiTags('Models')
@Controller('api/v1/models/:model_id/versions/:version')
export class CertaintyController {
  constructor(private readonly certainties: CertaintiesService) {}

  @Get('calibration')
  @Access('viewer')
  @TaggedRead()
  @ApiOperation({
    summary: 'Get what the intervals or sets of a version rest on, and how often they covered the truth',
  })
  @ApiModelId()
  @ApiVersion()
  @ApiOkResponse({ type: CalibrationBody })
  @ApiProblems(400, 404)
  calibration(
    @Caller() caller: Identity,
    @Param('model_id') id: string,
    @Param('version') version: string,
  ): Promise<CalibrationBody> {
    return this.certainties.calibration(caller.tenant, id, version);
  }

  @Get('threshold')
  @Access('viewer')
  @TaggedRead()
  @ApiOperation({ summary: 'Get the threshold of a version of two classes, and what others would mean' })
  @ApiModelId()
  @ApiVersion()
  @ApiOkResponse({ type: ThresholdBody })
  @ApiProblems(400, 404, 409, 422)
  threshold(
    @Caller() caller: Identity,
    @Param('model_id') id: string,
    @Param('version') version: string,
  ): Promise<ThresholdBody> {
    return this.certainties.threshold(caller.tenant, id, version);
  }

  @Put('threshold')
  @Access('scientist')
  @TaggedChange()
  @ApiOperation({ summary: 'Set from which probability on a version answers its second class' })
  @ApiModelId()
  @ApiVersion()
  @ApiOkResponse({ type: ThresholdBody })
  @ApiProblems(400, 404, 409, 412, 422, 428)
  setThreshold(
    @Caller() caller: Identity,
    @Param('model_id') id: string,
    @Param('version') version: string,
    @Body() dto: ThresholdDto,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<ThresholdBody> {
    return this.certainties.setThreshold(caller, id, version, dto, ifMatch);
  }

  @Delete('threshold')
  @Access('scientist')
  @TaggedChange()
  @HttpCode(200)
  @ApiOperation({ summary: 'Let a version answer the more probable class again' })
  @ApiModelId()
  @ApiVersion()
  @ApiOkResponse({ type: ThresholdBody })
  @ApiProblems(400, 404, 409, 412, 422, 428)
  removeThreshold(
    @Caller() caller: Identity,
    @Param('model_id') id: string,
    @Param('version') version: string,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<ThresholdBody> {
    return this.certainties.removeThreshold(caller.tenant, id, version, ifMatch);
  }
}
