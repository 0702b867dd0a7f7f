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
import { EntityBody, EntityPage } from './definition-bodies.dto.js';
import { DefinitionReads } from './definition-reads.service.js';
import { PutEntityDto } from './definitions.dto.js';
import { DefinitionsService } from './definitions.service.js';

const ApiName = (): MethodDecorator =>
  ApiParam({ name: 'name', description: 'Name of the entity.', example: 'customer' });

@ApiTags('Features')
@Controller('api/v1/features/entities')
export class EntitiesController {
  constructor(
    private readonly definitions: DefinitionsService,
    private readonly reads: DefinitionReads,
  ) {}

  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'List entities by name' })
  @ApiOkResponse({ type: EntityPage })
  @ApiProblems(400)
  list(@Caller() { tenant }: Identity, @Query() query: PageQuery): Promise<EntityPage> {
    return this.reads.entities(tenant, query);
  }

  @Get(':name')
  @Access('viewer')
  @TaggedRead()
  @ApiOperation({ summary: 'Get an entity' })
  @ApiName()
  @ApiOkResponse({ type: EntityBody })
  @ApiProblems(404)
  get(@Caller() { tenant }: Identity, @Param('name') name: string): Promise<EntityBody> {
    return this.reads.entity(tenant, name);
  }

  @Put(':name')
  @Access('scientist')
  @ApiOperation({ summary: 'Define an entity, or change its definition' })
  @ApiName()
  @ApiOkResponse({ type: EntityBody, description: 'It was there, and is as the body says.' })
  @ApiCreatedResponse({ type: EntityBody })
  @ApiProblems(400, 409, 422)
  async put(
    @Caller() caller: Identity,
    @Param('name') name: string,
    @Body() dto: PutEntityDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<EntityBody> {
    const { isNew, body } = await this.definitions.putEntity(caller, name, dto);
    void reply.status(isNew ? 201 : 200);
    return body;
  }

  @Delete(':name')
  @Access('scientist')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete the definition of an entity that no view has' })
  @ApiName()
  @ApiNoContentResponse({ description: 'It is gone.' })
  @ApiProblems(404, 409)
  remove(@Caller() { tenant }: Identity, @Param('name') name: string): Promise<void> {
    return this.definitions.deleteEntity(tenant, name);
  }
}
