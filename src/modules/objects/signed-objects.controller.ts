import { Controller, Get, Headers, HttpCode, Param, Put, Query, Req, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBody, ApiConsumes, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Readable } from 'node:stream';
import { parseObjectUri } from '#libs/object-store';
import { Access } from '../../platform/auth/access.decorator.js';
import { ApiContent } from '../../platform/http/api-content.decorator.js';
import { ApiProblems } from '../../platform/http/api-problems.decorator.js';
import { lengthOf } from '../../platform/http/content-length.js';
import { SignedUrls } from '../../platform/storage/signed-urls.js';
import { PATH } from './objects.controller.js';
import { StoredObjectEntry } from './objects.dto.js';
import { ObjectsService } from './objects.service.js';
import { SignedQuery } from './presign.dto.js';
import { sendObject } from '../../platform/http/send-object.js';

/** What URLs of `POST /api/v1/objects/presign` lead to where objects lie in a folder. Needs no token. */
@ApiTags('Objects')
@Controller('api/v1/signed-objects')
export class SignedObjectsController {
  constructor(
    private readonly objects: ObjectsService,
    private readonly signedUrls: SignedUrls,
  ) {}

  @Put('*')
  @Access('public')
  @RouteConfig({ streamBody: true, openBody: true })
  @HttpCode(200)
  @ApiOperation({ summary: 'Write an object by a presigned URL' })
  @ApiParam(PATH)
  @ApiConsumes('application/octet-stream')
  @ApiBody({ schema: { type: 'string', format: 'binary' } })
  @ApiOkResponse({ type: StoredObjectEntry })
  @ApiProblems(400, 403, 409, 413, 503)
  put(
    @Param('*') path: string,
    @Query() query: SignedQuery,
    @Req() request: FastifyRequest,
  ): Promise<StoredObjectEntry> {
    const tenant = this.signedUrls.verify('PUT', parseObjectUri(`s3://${path}`), query);
    return this.objects.put(
      tenant,
      path,
      (request.body as Readable | undefined) ?? request.raw,
      lengthOf(request),
    );
  }

  @Get('*')
  @Access('public')
  @ApiOperation({ summary: 'Read an object by a presigned URL' })
  @ApiParam(PATH)
  @ApiContent('The content.')
  @ApiProblems(400, 403, 404, 416, 503)
  async get(
    @Param('*') path: string,
    @Query() query: SignedQuery,
    @Headers('range') range: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const tenant = this.signedUrls.verify('GET', parseObjectUri(`s3://${path}`), query);
    sendObject(reply, await this.objects.get(tenant, path, range));
  }
}
