import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Param,
  Patch,
  Post,
  Put,
  Query,
} from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { Access, Caller } from '../../platform/auth/access.decorator.js';
import type { Identity } from '../../platform/auth/identity.js';
import { ApiProblems } from '../../platform/http/api-problems.decorator.js';
import { ApiModelId, ApiVersion } from '../../platform/http/api-params.decorator.js';
import { Tagged, TaggedChange, TaggedRead } from '../../platform/http/etag.interceptor.js';
import { PageQuery } from '../../platform/http/page.js';
import { Idempotent } from '../../platform/idempotency/idempotent.decorator.js';
import { VersionImportanceBody } from './importance.dto.js';
import {
  HistoryPage,
  ListModelsQuery,
  ModelBody,
  ModelPage,
  MoveStageDto,
  RegisterModelDto,
  RollBackDto,
  UpdateModelDto,
  VersionBody,
  VersionPage,
} from './models.dto.js';
import { ModelsService } from './models.service.js';

@ApiTags('Models')
@Controller('api/v1/models')
export class ModelsController {
  constructor(private readonly models: ModelsService) {}

  @Post()
  @Access('scientist')
  @Idempotent()
  @Tagged()
  @ApiOperation({ summary: 'Register a model; its version 1.0.0 waits for an artifact' })
  @ApiCreatedResponse({ type: ModelBody })
  @ApiProblems(400, 409, 422)
  register(@Caller() caller: Identity, @Body() dto: RegisterModelDto): Promise<ModelBody> {
    return this.models.register(caller, dto);
  }

  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'List models, newest first' })
  @ApiOkResponse({ type: ModelPage })
  @ApiProblems(400)
  list(@Caller() caller: Identity, @Query() query: ListModelsQuery): Promise<ModelPage> {
    return this.models.list(caller.tenant, query);
  }

  @Get(':model_id')
  @Access('viewer')
  @TaggedRead()
  @ApiOperation({ summary: 'Get a model; by name@stage, as its version of that stage shows it' })
  @ApiModelId()
  @ApiOkResponse({ type: ModelBody })
  @ApiProblems(400, 404, 409)
  get(@Caller() caller: Identity, @Param('model_id') id: string): Promise<ModelBody> {
    return this.models.get(caller.tenant, id);
  }

  @Patch(':model_id')
  @Access('scientist')
  @TaggedChange()
  @ApiOperation({ summary: 'Change description or tags' })
  @ApiModelId()
  @ApiOkResponse({ type: ModelBody })
  @ApiProblems(400, 404, 412, 428)
  update(
    @Caller() caller: Identity,
    @Param('model_id') id: string,
    @Body() dto: UpdateModelDto,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<ModelBody> {
    return this.models.update(caller.tenant, id, dto, ifMatch);
  }

  @Delete(':model_id')
  @Access('admin')
  @TaggedChange()
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a model that has no version in production' })
  @ApiModelId()
  @ApiNoContentResponse({ description: 'It and its versions are gone.' })
  @ApiProblems(400, 404, 409, 412, 428)
  remove(
    @Caller() caller: Identity,
    @Param('model_id') id: string,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<void> {
    return this.models.remove(caller.tenant, id, ifMatch);
  }

  @Get(':model_id/versions')
  @Access('viewer')
  @ApiOperation({ summary: 'List the versions of a model, newest first' })
  @ApiModelId()
  @ApiOkResponse({ type: VersionPage })
  @ApiProblems(400, 404)
  versions(
    @Caller() caller: Identity,
    @Param('model_id') id: string,
    @Query() query: PageQuery,
  ): Promise<VersionPage> {
    return this.models.versions(caller.tenant, id, query);
  }

  @Get(':model_id/versions/:version')
  @Access('viewer')
  @TaggedRead()
  @ApiOperation({ summary: 'Get a version with its signature, metrics, parameters and lineage' })
  @ApiModelId()
  @ApiVersion()
  @ApiOkResponse({ type: VersionBody })
  @ApiProblems(400, 404)
  version(
    @Caller() caller: Identity,
    @Param('model_id') id: string,
    @Param('version') version: string,
  ): Promise<VersionBody> {
    return this.models.version(caller.tenant, id, version);
  }

  @Get(':model_id/versions/:version/importance')
  @Access('viewer')
  @TaggedRead()
  @ApiOperation({ summary: 'Get how much a trained version depends on each feature' })
  @ApiModelId()
  @ApiVersion()
  @ApiOkResponse({ type: VersionImportanceBody })
  @ApiProblems(400, 404)
  importance(
    @Caller() caller: Identity,
    @Param('model_id') id: string,
    @Param('version') version: string,
  ): Promise<VersionImportanceBody> {
    return this.models.importance(caller.tenant, id, version);
  }

  @Put(':model_id/stage')
  @Access('scientist')
  @TaggedChange()
  @ApiOperation({ summary: 'Move a version to another stage' })
  @ApiModelId()
  @ApiOkResponse({ type: ModelBody })
  @ApiProblems(400, 404, 409, 412, 428)
  move(
    @Caller() caller: Identity,
    @Param('model_id') id: string,
    @Body() dto: MoveStageDto,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<ModelBody> {
    return this.models.move(caller, id, dto, ifMatch);
  }

  @Post(':model_id/rollback')
  @Access('scientist')
  @Idempotent()
  @TaggedChange()
  @HttpCode(200)
  @ApiOperation({
    summary: 'Bring back the version that was in production before; the one that is, is archived',
  })
  @ApiModelId()
  @ApiBody({ type: RollBackDto, required: false })
  @ApiOkResponse({ type: ModelBody })
  @ApiProblems(400, 404, 409, 412, 422)
  rollBack(
    @Caller() caller: Identity,
    @Param('model_id') id: string,
    @Body() dto: RollBackDto,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<ModelBody> {
    return this.models.rollBack(caller, id, dto, ifMatch);
  }

  @Get(':model_id/history')
  @Access('viewer')
  @ApiOperation({ summary: 'List the moves between stages, newest first' })
  @ApiModelId()
  @ApiOkResponse({ type: HistoryPage })
  @ApiProblems(400, 404)
  history(
    @Caller() caller: Identity,
    @Param('model_id') id: string,
    @Query() query: PageQuery,
  ): Promise<HistoryPage> {
    return this.models.history(caller.tenant, id, query);
  }
}
