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
import { TaggedRead } from '../../../platform/http/etag.interceptor.js';
import { PageQuery } from '../../../platform/http/page.js';
import { ServiceBody, ServicePage } from './definition-bodies.dto.js';
import { DefinitionReads } from './definition-reads.service.js';
import { PutServiceDto } from './definitions.dto.js';
import { DefinitionsService } from './definitions.service.js';
import { FeatureLineageBody } from './lineage.dto.js';
import { LineageService } from './lineage.service.js';

const ApiName = (): MethodDecorator =>
  ApiParam({ name: 'name', description: 'Name of the feature service.', example: 'churn' });

@ApiTags('Features')
@Controller('api/v1/features/services')
export class FeatureServicesController {
  constructor(
    private readonly definitions: DefinitionsService,
    private readonly reads: DefinitionReads,
    private readonly lineage: LineageService,
  ) {}

  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'List feature services by name' })
  @ApiOkResponse({ type: ServicePage })
  @ApiProblems(400)
  list(@Caller() { tenant }: Identity, @Query() query: PageQuery): Promise<ServicePage> {
    return this.reads.services(tenant, query);
  }

  @Get(':name')
  @Access('viewer')
  @TaggedRead()
  @ApiOperation({ summary: 'Get a feature service, with what each of its features reads now' })
  @ApiName()
  @ApiOkResponse({ type: ServiceBody })
  @ApiProblems(404)
  get(@Caller() { tenant }: Identity, @Param('name') name: string): Promise<ServiceBody> {
    return this.reads.service(tenant, name);
  }

  @Put(':name')
  @Access('scientist')
  @ApiOperation({ summary: 'Define the features that a model takes; versions that were trained keep theirs' })
  @ApiName()
  @ApiOkResponse({ type: ServiceBody, description: 'It was there, and is as the body says.' })
  @ApiCreatedResponse({ type: ServiceBody })
  @ApiProblems(400, 422)
  async put(
    @Caller() caller: Identity,
    @Param('name') name: string,
    @Body() dto: PutServiceDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ServiceBody> {
    const { isNew, body } = await this.definitions.putService(caller, name, dto);
    void reply.status(isNew ? 201 : 200);
    return body;
  }

  @Delete(':name')
  @Access('scientist')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a feature service that no version of a model takes its features from' })
  @ApiName()
  @ApiNoContentResponse({ description: 'It is gone.' })
  @ApiProblems(404, 409)
  remove(@Caller() { tenant }: Identity, @Param('name') name: string): Promise<void> {
    return this.definitions.deleteService(tenant, name);
  }

  @Get(':name/lineage')
  @Access('viewer')
  @ApiOperation({ summary: 'See where the features of a service come from, and which models take them' })
  @ApiName()
  @ApiOkResponse({ type: FeatureLineageBody })
  @ApiProblems(404)
  lineageOf(@Caller() { tenant }: Identity, @Param('name') name: string): Promise<FeatureLineageBody> {
    return this.lineage.ofService(tenant, name);
  }
}
