import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { Access, Caller } from '../../platform/auth/access.decorator.js';
import type { Identity } from '../../platform/auth/identity.js';
import { ApiProblems } from '../../platform/http/api-problems.decorator.js';
import { Tagged, TaggedChange, TaggedRead } from '../../platform/http/etag.interceptor.js';
import { Idempotent } from '../../platform/idempotency/idempotent.decorator.js';
import {
  ChangeEnsembleDto,
  CreateEnsembleDto,
  EnsembleBody,
  EnsemblePage,
  ListEnsemblesQuery,
  ShowEnsembleQuery,
} from './ensembles.dto.js';
import { ApiEnsembleId } from './ensemble-id.decorator.js';
import { EnsemblesService } from './ensembles.service.js';

@ApiTags('Ensembles')
@Controller('api/v1/ensembles')
export class EnsemblesController {
  constructor(private readonly ensembles: EnsemblesService) {}

  @Post()
  @Access('scientist')
  @Idempotent()
  @Tagged()
  @ApiOperation({ summary: 'Make a model of several models, which answers with what they answer' })
  @ApiCreatedResponse({ type: EnsembleBody })
  @ApiProblems(400, 404, 409, 422)
  create(@Caller() caller: Identity, @Body() dto: CreateEnsembleDto): Promise<EnsembleBody> {
    return this.ensembles.create(caller, dto);
  }

  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'List ensembles, newest first' })
  @ApiOkResponse({ type: EnsemblePage })
  @ApiProblems(400)
  list(@Caller() caller: Identity, @Query() query: ListEnsemblesQuery): Promise<EnsemblePage> {
    return this.ensembles.list(caller.tenant, query);
  }

  @Get(':ensemble_id')
  @Access('viewer')
  @TaggedRead()
  @ApiOperation({ summary: 'Get an ensemble, with what answers for each member now' })
  @ApiEnsembleId()
  @ApiOkResponse({ type: EnsembleBody })
  @ApiProblems(400, 404, 409)
  get(
    @Caller() caller: Identity,
    @Param('ensemble_id') id: string,
    @Query() { version }: ShowEnsembleQuery,
  ): Promise<EnsembleBody> {
    return this.ensembles.get(caller.tenant, id, version);
  }

  @Patch(':ensemble_id')
  @Access('scientist')
  @TaggedChange()
  @ApiOperation({
    summary: 'Make the next version, with other members, weights or options; the answer shows it',
  })
  @ApiEnsembleId()
  @ApiOkResponse({ type: EnsembleBody })
  @ApiProblems(400, 404, 409, 412, 422, 428)
  change(
    @Caller() caller: Identity,
    @Param('ensemble_id') id: string,
    @Body() dto: ChangeEnsembleDto,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<EnsembleBody> {
    return this.ensembles.change(caller, id, dto, ifMatch);
  }

  @Delete(':ensemble_id')
  @Access('admin')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete an ensemble that has no version in production; its members stay' })
  @ApiEnsembleId()
  @ApiNoContentResponse({ description: 'It and its versions are gone.' })
  @ApiProblems(400, 404, 409)
  remove(@Caller() caller: Identity, @Param('ensemble_id') id: string): Promise<void> {
    return this.ensembles.remove(caller.tenant, id);
  }
}
