import {
  applyDecorators,
  Controller,
  Get,
  Headers,
  HttpCode,
  Param,
  Post,
  Put,
  Req,
  Res,
} from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import {
  ApiBody,
  ApiConsumes,
  ApiCreatedResponse,
  ApiExtraModels,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiResponse,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access, Caller, OBJECT_READER } from '../../platform/auth/access.decorator.js';
import type { Identity } from '../../platform/auth/identity.js';
import { ApiModelId, ApiVersion } from '../../platform/http/api-params.decorator.js';
import { ApiContent } from '../../platform/http/api-content.decorator.js';
import { ApiProblems } from '../../platform/http/api-problems.decorator.js';
import { hasTag } from '../../platform/http/etag.js';
import { sendObject } from '../../platform/http/send-object.js';
import { ApiIdempotencyKey } from '../../platform/idempotency/idempotent.decorator.js';
import { VersionBody } from './models.dto.js';
import { UploadedFeatureDto, UploadSignatureDto } from './uploads.dto.js';
import { UploadsService } from './uploads.service.js';

/** Documents the form of an upload. */
const ApiUpload = (): MethodDecorator =>
  applyDecorators(
    ApiConsumes('multipart/form-data'),
    ApiExtraModels(UploadSignatureDto, UploadedFeatureDto),
    ApiBody({
      schema: {
        type: 'object',
        required: ['artifact'],
        additionalProperties: false,
        properties: {
          artifact: {
            type: 'string',
            format: 'binary',
            description: 'The ONNX file.',
            example: '@model.onnx',
          },
          signature: { $ref: getSchemaPath(UploadSignatureDto) },
          feature_service: {
            type: 'string',
            description:
              'Feature service that has features of the model, by their names: predictions by entity look them up.',
            example: 'churn',
          },
        },
      },
    }),
  );

@ApiTags('Models')
@Controller('api/v1/models/:model_id/versions')
export class UploadsController {
  constructor(private readonly uploads: UploadsService) {}

  @Post()
  @Access('scientist')
  @RouteConfig({ readsForms: true })
  @ApiOperation({ summary: 'Upload an ONNX file as the next version, once it has passed the gate' })
  @ApiModelId()
  @ApiUpload()
  @ApiIdempotencyKey()
  @ApiCreatedResponse({ type: VersionBody })
  @ApiProblems(400, 404, 409, 413, 415, 422, 503)
  async create(
    @Caller() caller: Identity,
    @Param('model_id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<VersionBody> {
    const { body, isReplayed } = await this.uploads.uploadNext(caller, id, request);
    if (isReplayed) reply.header('Idempotency-Replayed', 'true');
    return body as VersionBody;
  }

  @Put(':version/artifact')
  @Access('scientist')
  @RouteConfig({ readsForms: true })
  @HttpCode(200)
  @ApiOperation({ summary: 'Upload the ONNX file of a version that has none' })
  @ApiModelId()
  @ApiVersion()
  @ApiUpload()
  @ApiOkResponse({ type: VersionBody })
  @ApiProblems(400, 404, 409, 413, 415, 422, 503)
  fill(
    @Caller() caller: Identity,
    @Param('model_id') id: string,
    @Param('version') version: string,
    @Req() request: FastifyRequest,
  ): Promise<VersionBody> {
    return this.uploads.fill(caller, id, version, request);
  }

  @Get(':version/artifact')
  @Access(OBJECT_READER)
  @ApiOperation({
    summary:
      'Download a version as an ONNX file, that of an ensemble made of its members, or a range of its bytes',
  })
  @ApiModelId()
  @ApiVersion()
  @ApiHeader({
    name: 'If-None-Match',
    required: false,
    description: 'ETag of a copy at hand: 304 where it is the same. The ETag is the SHA-256 in quotes.',
    schema: { type: 'string', example: '"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"' },
  })
  @ApiContent('The file. X-Content-SHA256 and Repr-Digest have its digest, also beside a range.')
  @ApiResponse({ status: 304, description: 'The copy at hand is the same.' })
  @ApiProblems(400, 404, 409, 416, 422)
  async download(
    @Caller() caller: Identity,
    @Param('model_id') id: string,
    @Param('version') version: string,
    @Headers('range') range: string | undefined,
    @Headers('if-none-match') known: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const content = await this.uploads.download(caller.tenant, id, version, range);
    const { etag: sha256 } = content;
    if (known !== undefined && hasTag(known, `"${sha256}"`, true)) {
      content.stream.destroy();
      return void reply.status(304).header('etag', `"${sha256}"`).send();
    }
    sendObject(reply, content, {
      'x-content-sha256': sha256,
      // RFC 9530, of the whole file whatever the range.
      'repr-digest': `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`,
    });
  }
}
