import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { OpenAPIObject } from '@nestjs/swagger';
import { AppModule } from './app.module.js';
import { defaultConfig } from './config/index.js';
import { API } from './platform/http/api.surface.js';
import { createDocument } from './platform/http/open-api.js';

/** The document of the API, made without starting anything: Nest's preview instantiates no provider. */
export async function openApiDocument(): Promise<OpenAPIObject> {
  const app = await NestFactory.create(AppModule.with(defaultConfig()), new FastifyAdapter(), {
    preview: true,
    logger: false,
    abortOnError: false,
  });
  return createDocument(app, API.document);
}
