import { Body, Controller, Delete, Get, HttpCode, Param, Put, Query, Res } from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access, Caller } from '../../../platform/auth/access.decorator.js';
import type { Identity } from '../../../platform/auth/identity.js';
import { ApiProblems } from '../../../platform/http/api-problems.decorator.js';
import { PageQuery } from '../../../platform/http/page.js';
import { ViewBody, ViewPage } from './definition-bodies.dto.js';
import { DefinitionReads } from './definition-reads.service.js';
import { PutViewDto } from './definitions.dto.js';
import { DefinitionsService } from './definitions.service.js';
import { FeatureLineageBody } from './lineage.dto.js';
import { LineageService } from './lineage.service.js';

const ApiName = (): MethodDecorator =>
  ApiParam({
    name: 'name',
    description: 'Name of the view, for its current version, or name@v2.',
    example: 'customer_features',
  });

@ApiTags('Features')
@Controller('api/v1/features/views')
export class ViewsController {
  constructor(
    private readonly definitions: DefinitionsService,
    private readonly reads: DefinitionReads,
    private readonly lineage: LineageService,
  ) {}

  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'List the current versions of views by name' })
  @ApiOkResponse({ type: ViewPage })
  @ApiProblems(400)
  list(@Caller() { tenant }: Identity, @Query() query: PageQuery): Promise<ViewPage> {
    return this.reads.views(tenant, query);
  }

  @Get(':name')
  @Access('viewer')
  @ApiOperation({ summary: 'Get a version of a view, and what of it is online' })
  @ApiName()
  @ApiOkResponse({ type: ViewBody })
  @ApiProblems(404)
  get(@Caller() { tenant }: Identity, @Param('name') name: string): Promise<ViewBody> {
    return this.reads.view(tenant, name);
  }

  @Put(':name')
  @Access('scientist')
  @ApiOperation({
    summary:
      'Define a view or its next version, or change a version where all that reads it can stay as it is',
  })
  @ApiName()
  @ApiOkResponse({ type: ViewBody, description: 'It was there, and is as the body says.' })
  @ApiCreatedResponse({ type: ViewBody })
  @ApiProblems(400, 403, 409, 422)
  async put(
    @Caller() caller: Identity,
    @Param('name') name: string,
    @Body() dto: PutViewDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ViewBody> {
    const { isNew, body } = await this.definitions.putView(caller, name, dto);
    void reply.status(isNew ? 201 : 200);
    return body;
  }

  @Delete(':name')
  @Access('scientist')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a view that nothing reads, or by name@v2 one version of it' })
  @ApiName()
  @ApiNoContentResponse({ description: 'It is gone, with the rows that were pushed into it.' })
  @ApiProblems(404, 409)
  remove(@Caller() { tenant }: Identity, @Param('name') name: string): Promise<void> {
    return this.definitions.deleteView(tenant, name);
  }

  @Put(':name/promote')
  @Access('scientist')
  @ApiOperation({ summary: 'Let the name of a view read this version, whose values are online' })
  @ApiParam({ name: 'name', description: 'The version, as name@v2.', example: 'customer_features@v2' })
  @ApiOkResponse({ type: ViewBody })
  @ApiProblems(400, 404, 409)
  promote(@Caller() { tenant }: Identity, @Param('name') name: string): Promise<ViewBody> {
    return this.definitions.promote(tenant, name);
  }

  @Get(':name/versions')
  @Access('viewer')
  @ApiOperation({ summary: 'List the versions of a view, newest first' })
  @ApiParam({ name: 'name', description: 'Name of the view.', example: 'customer_features' })
  @ApiOkResponse({ type: ViewPage })
  @ApiProblems(400, 404)
  versions(
    @Caller() { tenant }: Identity,
    @Param('name') name: string,
    @Query() query: PageQuery,
  ): Promise<ViewPage> {
    return this.reads.versions(tenant, name, query);
  }

  @Get(':name/lineage')
  @Access('viewer')
  @ApiOperation({ summary: 'See where the features of a view come from, and what takes them' })
  @ApiName()
  @ApiOkResponse({ type: FeatureLineageBody })
  @ApiProblems(404)
  async lineageOf(@Caller() { tenant }: Identity, @Param('name') name: string): Promise<FeatureLineageBody> {
    return this.lineage.ofView(tenant, name);
  }
}
