import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DynamicModule, Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from '../../src/app.module.js';
import { loadConfig } from '../../src/config/index.js';
import { serveDocuments } from '../../src/platform/http/open-api.js';
import { createServer } from '../../src/platform/http/server.js';
import { Client } from './client.js';
import { cloneDatabase, type TestDatabase } from './database.js';
import { JWT_SECRET, signToken, type TestRole } from './tokens.js';

type Environment = Record<string, string>;

export interface ServiceOptions {
  role?: 'api' | 'all';
  /** Settings, or what makes them once the database is there. */
  env?: Environment | ((database: TestDatabase) => Environment);
  /** Modules beside those of the application. */
  imports?: (Type | DynamicModule)[];
  /** Another process of the same installation: its database, queue and state folder are used. */
  beside?: Service;
  /** Begins with copies of these rows and objects. */
  from?: Snapshot;
}

/** Rows and objects that services can begin with. */
export interface Snapshot {
  /** Name of a template database. */
  database: string;
  /** Folder of the objects. */
  objects: string;
}

/** A whole service in this process, on a database, a Redis prefix and a state folder of its own. */
export class Service {
  private constructor(
    readonly app: NestFastifyApplication,
    readonly url: string,
    readonly environment: Readonly<Record<string, string>>,
    readonly stateDir: string,
    readonly database: TestDatabase,
    private readonly isGuest: boolean,
  ) {}

  static async start({
    role = 'api',
    env = {},
    imports = [],
    beside,
    from,
  }: ServiceOptions = {}): Promise<Service> {
    const database = beside?.database ?? (await cloneDatabase(from?.database));
    const stateDir = beside?.stateDir ?? (await mkdtemp(join(tmpdir(), 'modelplane-test-')));
    if (from) await cp(from.objects, join(stateDir, 'objects'), { recursive: true });
    const environment = {
      ...(beside?.environment ?? environmentFor(database, stateDir)),
      MODELPLANE_ROLE: role,
      ...(typeof env === 'function' ? env(database) : env),
    };
    let app: NestFastifyApplication | undefined;
    try {
      const config = loadConfig(environment);
      const root = { module: class Root {}, imports: [AppModule.with(config), ...imports] };
      app = await createServer(root, config);
      serveDocuments(app);
      await app.listen(0, '127.0.0.1');
      return new Service(app, await app.getUrl(), environment, stateDir, database, beside !== undefined);
    } catch (error) {
      await app?.close().catch(() => undefined);
      if (!beside) await remove(database, stateDir);
      throw error;
    }
  }

  /** A caller with a token of this tenant. */
  async as(tenant: string, role: TestRole = 'admin'): Promise<Client> {
    return new Client(this.url, await signToken({ tenant, role }));
  }

  /** A caller with this token, or with none. */
  with(token: string | undefined): Client {
    return new Client(this.url, token);
  }

  /**
   * Ends the service, and keeps what it has for others to begin with.
   * @param objects the folder that its objects are copied to
   * @returns the name of its database, which is a template now
   */
  async freeze(objects: string): Promise<string> {
    await this.app.close();
    await cp(join(this.stateDir, 'objects'), objects, { recursive: true });
    await rm(this.stateDir, { recursive: true, force: true });
    return this.database.becomeTemplate();
  }

  async stop(): Promise<void> {
    await this.app.close();
    if (!this.isGuest) await remove(this.database, this.stateDir);
  }
}

async function remove(database: TestDatabase, stateDir: string): Promise<void> {
  await database.drop();
  await rm(stateDir, { recursive: true, force: true });
}

/** Settings of a service that the test runner's servers carry. */
export function environmentFor(database: TestDatabase, stateDir: string): Record<string, string> {
  return {
    MODELPLANE_ENV: 'test',
    MODELPLANE_PORT: '0',
    MODELPLANE_STATE_DIR: stateDir,
    MODELPLANE_LOG_LEVEL: process.env.MODELPLANE_TEST_LOG_LEVEL ?? 'silent',
    MODELPLANE_JWT_SECRET: JWT_SECRET,
    MODELPLANE_WEBHOOKS_KEY: 'a key of the tests with more than 32 bytes',
    MODELPLANE_STORAGE_GRANTS: 'acme-corp=s3://data/,s3://predictions/',
    MODELPLANE_PYTHON: process.env.MODELPLANE_PYTHON ?? '',
    MODELPLANE_REDIS_PREFIX: `test-${randomUUID()}`,
    // A machine that is busy with other specs is no fault: refusals have a spec of their own.
    MODELPLANE_MAX_DELAY_MS: '60000',
    MODELPLANE_PREDICTIONS_MAX_WAIT_MS: '60000',
    DATABASE_URL: database.appUrl,
    MODELPLANE_DATABASE_SYSTEM_URL: database.systemUrl,
    REDIS_URL: required('MODELPLANE_TEST_REDIS_URL'),
  };
}

export function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the tests with npm test`);
  return value;
}
