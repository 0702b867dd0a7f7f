import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { ApiProblems } from '../../http/api-problems.decorator.js';
import { PageQuery } from '../../http/page.js';
import { Idempotent } from '../../idempotency/idempotent.decorator.js';
import { Access, Caller } from '../access.decorator.js';
import type { Identity } from '../identity.js';
import { ApiKeyBody, ApiKeyPage, IssueApiKeyDto, IssuedApiKeyBody, RotateApiKeyDto } from './api-keys.dto.js';
import { ApiKeysService } from './api-keys.service.js';

const ApiKeyId = (): MethodDecorator =>
  ApiParam({
    name: 'key_id',
    description: 'Id of the key.',
    example: '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e',
  });

@ApiTags('API keys')
@Access('admin')
@Controller('api/v1/api-keys')
export class ApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  @Post()
  @Idempotent({ withheld: 'key' })
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Issue an API key; its text is in this answer alone' })
  @ApiCreatedResponse({ type: IssuedApiKeyBody })
  @ApiProblems(400, 409, 422)
  issue(@Caller() caller: Identity, @Body() dto: IssueApiKeyDto): Promise<IssuedApiKeyBody> {
    return this.keys.issue(caller, dto);
  }

  @Get()
  @ApiOperation({ summary: 'List API keys, newest first' })
  @ApiOkResponse({ type: ApiKeyPage })
  @ApiProblems(400)
  list(@Caller() caller: Identity, @Query() query: PageQuery): Promise<ApiKeyPage> {
    return this.keys.list(caller.tenant, query);
  }

  @Get(':key_id')
  @ApiOperation({ summary: 'Get an API key, without its text' })
  @ApiKeyId()
  @ApiOkResponse({ type: ApiKeyBody })
  @ApiProblems(404)
  get(@Caller() caller: Identity, @Param('key_id') id: string): Promise<ApiKeyBody> {
    return this.keys.get(caller.tenant, id);
  }

  @Post(':key_id/rotate')
  @Idempotent({ withheld: 'key' })
  @Header('Cache-Control', 'no-store')
  @HttpCode(200)
  @ApiOperation({ summary: 'Give an API key another secret; its text is in this answer alone' })
  @ApiKeyId()
  @ApiOkResponse({ type: IssuedApiKeyBody })
  @ApiProblems(400, 404, 409, 422)
  rotate(
    @Caller() caller: Identity,
    @Param('key_id') id: string,
    @Body() dto: RotateApiKeyDto,
  ): Promise<IssuedApiKeyBody> {
    return this.keys.rotate(caller, id, dto.overlap_seconds ?? 0);
  }

  @Delete(':key_id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Revoke an API key' })
  @ApiKeyId()
  @ApiNoContentResponse({ description: 'It is refused from now on, by other processes within a second.' })
  @ApiProblems(404)
  revoke(@Caller() caller: Identity, @Param('key_id') id: string): Promise<void> {
    return this.keys.revoke(caller.tenant, id);
  }
}
