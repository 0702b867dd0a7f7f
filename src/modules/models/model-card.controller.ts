import { Controller, Get, Headers, Param, Res } from '@nestjs/common';
import {
  ApiExtraModels,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access, Caller } from '../../platform/auth/access.decorator.js';
import type { Identity } from '../../platform/auth/identity.js';
import { ApiModelId, ApiVersion } from '../../platform/http/api-params.decorator.js';
import { ApiProblems } from '../../platform/http/api-problems.decorator.js';
import { TaggedRead } from '../../platform/http/etag.interceptor.js';
import { ModelCardBody } from './model-card.dto.js';
import { ModelCardsService } from './model-cards.service.js';

@ApiTags('Models')
@Controller('api/v1/models')
export class ModelCardController {
  constructor(private readonly cards: ModelCardsService) {}

  @Get(':model_id/versions/:version/card')
  @Access('viewer')
  @TaggedRead()
  @ApiOperation({ summary: 'Get the model card of a trained version or an ensemble, as JSON or as Markdown' })
  @ApiModelId()
  @ApiVersion()
  @ApiHeader({
    name: 'Accept',
    description: 'text/markdown for a page to read; anything else is answered with JSON.',
    required: false,
    schema: { type: 'string', example: 'text/markdown' },
  })
  @ApiExtraModels(ModelCardBody)
  @ApiOkResponse({
    description: 'The card.',
    content: {
      'application/json': { schema: { $ref: getSchemaPath(ModelCardBody) } },
      'text/markdown': { schema: { type: 'string', example: '# customer_churn 1.0.0' } },
    },
  })
  @ApiProblems(400, 404)
  async card(
    @Caller() caller: Identity,
    @Param('model_id') id: string,
    @Param('version') version: string,
    @Headers('accept') accept: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ModelCardBody | string> {
    void reply.header('Vary', 'Accept');
    if (!accept?.includes('text/markdown')) return this.cards.json(caller.tenant, id, version);
    const page = await this.cards.markdown(caller.tenant, id, version);
    void reply.type('text/markdown; charset=utf-8');
    return page;
  }
}
