import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, HttpCode, Module, Post, Put, type Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { AppModule } from '../src/app.module.js';
import { loadConfig } from '../src/config/index.js';
import { Access } from '../src/platform/auth/access.decorator.js';
import type { Identity } from '../src/platform/auth/identity.js';
import { Problem } from '../src/platform/errors/problem.js';
import { DirectRoutes } from '../src/platform/http/direct-routes.js';
import { createServer } from '../src/platform/http/server.js';
import { Cost } from '../src/platform/rate-limit/rate-limit.guard.js';
import { Client } from './support/client.js';
import { cloneDatabase, type TestDatabase } from './support/database.js';
import { environmentFor } from './support/service.js';
import { signToken, type TestRole } from './support/tokens.js';

@Controller('api/v1/echoes')
class Echoes {
  constructor(direct: DirectRoutes) {
    direct.add(this, 'echo');
    direct.add(this, 'refuse');
  }

  @Post()
  @Access('scientist')
  @Cost((body) => (body as { cost?: number } | undefined)?.cost ?? 1)
  @HttpCode(200)
  async echo({ tenant }: Identity, { id }: FastifyRequest, body: object): Promise<object> {
    return { tenant, id, body };
  }

  @Put('refused')
  @Access('scientist')
  refuse(): object {
    throw new Problem('STAGE_CONFLICT', 'Not today.');
  }
}

@Controller('api/v1/open')
class Open {
  constructor(direct: DirectRoutes) {
    direct.add(this, 'open');
  }

  @Post()
  @Access('public')
  open(): object {
    return {};
  }
}

@Controller('api/v1/late')
class Late {
  constructor(private readonly direct: DirectRoutes) {}

  onModuleInit(): void {
    this.direct.add(this, 'late');
  }

  @Post()
  @Access('admin')
  late(): object {
    return {};
  }
}

describe('direct routes', () => {
  let database: TestDatabase;
  let stateDir: string;
  let app: NestFastifyApplication;

  beforeAll(async () => {
    database = await cloneDatabase();
    stateDir = await mkdtemp(join(tmpdir(), 'modelplane-test-'));
    app = await start(Echoes);
  });
  afterAll(async () => {
    await app?.close();
    await database?.drop();
    await rm(stateDir, { recursive: true, force: true });
  });

  async function start(controller: Type): Promise<NestFastifyApplication> {
    const config = loadConfig({
      ...environmentFor(database, stateDir),
      MODELPLANE_RATE_LIMIT_PER_MINUTE: '1',
      MODELPLANE_RATE_LIMIT_BURST: '10',
    });
    class Root {}
    Module({ imports: [AppModule.with(config)], controllers: [controller] })(Root);
    const started = await createServer(Root, config);
    try {
      await started.listen(0, '127.0.0.1');
      return started;
    } catch (error) {
      await started.close().catch(() => undefined);
      throw error;
    }
  }

  const as = async (tenant: string, role: TestRole) =>
    new Client(await app.getUrl(), await signToken({ tenant, role }));

  it('should be added by one call: the decorators say path, role and cost', async () => {
    const { status, headers, body } = await (
      await as('acme-corp', 'scientist')
    ).post('/api/v1/echoes?a=1', { cost: 4 });
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^application\/json/);
    expect(headers.get('ratelimit')).toMatch(/^"tenant";r=6;/);
    expect(body).toEqual({ tenant: 'acme-corp', id: headers.get('request-id'), body: { cost: 4 } });
  });

  it('should refuse as others do: no token, too low a role, past the rate limit, or what the method throws', async () => {
    const refusals = [
      await new Client(await app.getUrl()).post('/api/v1/echoes', {}),
      await new Client(await app.getUrl()).post('/api/v1/echoes'),
      await (await as('globex', 'predictor')).post('/api/v1/echoes', {}),
      await (await as('globex', 'scientist')).put('/api/v1/echoes/refused', {}),
      await (await as('globex', 'scientist')).post('/api/v1/echoes', { cost: 11 }),
    ];
    expect(refusals.map(({ status, body }) => [status, body.code])).toEqual([
      [401, 'UNAUTHORIZED'],
      [401, 'UNAUTHORIZED'],
      [403, 'FORBIDDEN'],
      [409, 'STAGE_CONFLICT'],
      [429, 'RATE_LIMITED'],
    ]);
  });

  it.each<[string, Type, RegExp]>([
    ['without a role', Open, /\/api\/v1\/open must say which role may call it/],
    ['that comes too late', Late, /POST \/api\/v1\/late was added after Nest had registered its route/],
  ])('should stop the start by one %s', async (_, controller, message) => {
    await expect(start(controller)).rejects.toThrow(message);
  });
});
