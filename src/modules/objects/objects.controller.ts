import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Param,
  Post,
  Put,
  Query,
  Req,
  Res,
} from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import {
  ApiBody,
  ApiConsumes,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Readable } from 'node:stream';
import { Access, Caller, OBJECT_READER } from '../../platform/auth/access.decorator.js';
import type { Identity } from '../../platform/auth/identity.js';
import { ApiContent } from '../../platform/http/api-content.decorator.js';
import { ApiProblems } from '../../platform/http/api-problems.decorator.js';
import { lengthOf } from '../../platform/http/content-length.js';
import { ownOrigin } from '../../platform/http/own-origin.js';
import { sendObject } from '../../platform/http/send-object.js';
import { ListObjectsQuery, ObjectPage, StoredObjectEntry } from './objects.dto.js';
import { ObjectsService } from './objects.service.js';
import { PresignDto, PresignedUrl } from './presign.dto.js';
import { PresigningService } from './presigning.service.js';

export const PATH = {
  name: 'path',
  description: '`bucket/key` of the object `s3://bucket/key`.',
  example: 'data/train.parquet',
  type: 'string',
} as const;

@ApiTags('Objects')
@Controller('api/v1/objects')
export class ObjectsController {
  constructor(
    private readonly objects: ObjectsService,
    private readonly presigning: PresigningService,
  ) {}

  @Get()
  @Access(OBJECT_READER)
  @ApiOperation({ summary: 'List objects under a prefix' })
  @ApiOkResponse({ type: ObjectPage })
  @ApiProblems(400, 403, 503)
  list(@Caller() caller: Identity, @Query() query: ListObjectsQuery): Promise<ObjectPage> {
    return this.objects.list(caller.tenant, query);
  }

  @Post('presign')
  @Access(OBJECT_READER)
  @HttpCode(200)
  @ApiOperation({ summary: 'Make a URL under which anybody may download or upload one object for a while' })
  @ApiOkResponse({ type: PresignedUrl })
  @ApiProblems(400, 403, 503)
  presign(
    @Caller() caller: Identity,
    @Body() dto: PresignDto,
    @Req() request: FastifyRequest,
  ): Promise<PresignedUrl> {
    return this.presigning.presign(caller, dto, ownOrigin(request.socket));
  }

  @Put('*')
  @Access('scientist')
  @RouteConfig({ streamBody: true })
  @HttpCode(200)
  @ApiOperation({ summary: 'Write an object; the body is its content, streamed' })
  @ApiParam(PATH)
  @ApiConsumes('application/octet-stream')
  @ApiBody({ schema: { type: 'string', format: 'binary' } })
  @ApiOkResponse({ type: StoredObjectEntry })
  @ApiProblems(400, 403, 409, 413, 503)
  put(
    @Caller() caller: Identity,
    @Param('*') path: string,
    @Req() request: FastifyRequest,
  ): Promise<StoredObjectEntry> {
    return this.objects.put(
      caller.tenant,
      path,
      (request.body as Readable | undefined) ?? request.raw,
      lengthOf(request),
    );
  }

  @Get('*')
  @Access(OBJECT_READER)
  @ApiOperation({ summary: 'Read an object or a range of its bytes' })
  @ApiParam(PATH)
  @ApiContent('The content.')
  @ApiProblems(400, 403, 404, 416, 503)
  async get(
    @Caller() caller: Identity,
    @Param('*') path: string,
    @Headers('range') range: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    sendObject(reply, await this.objects.get(caller.tenant, path, range));
  }

  @Delete('*')
  @Access('scientist')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete an object' })
  @ApiParam(PATH)
  @ApiNoContentResponse({ description: 'It is gone, or was not there.' })
  @ApiProblems(400, 403, 503)
  delete(@Caller() caller: Identity, @Param('*') path: string): Promise<void> {
    return this.objects.delete(caller.tenant, path);
  }
}
