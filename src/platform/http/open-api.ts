import { STATUS_CODES } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { VERSION } from '../../config/project.js';
import type { SignIn, SurfaceDocument } from './surface.js';
import { Surfaces } from './surfaces.js';
import { declaredSurfaces } from './surfaces.module.js';

const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;

/** Any one of them is enough. */
const SECURITY_SCHEMES: Record<SignIn, readonly ('bearer' | 'apiKey')[]> = {
  bearer: ['bearer', 'apiKey'],
  api_key: ['apiKey'],
  none: [],
};

/** An OpenAPI 3.1 document: the routes of the surfaces that stand in it, and no others. */
export function createDocument(app: INestApplication, wanted: SurfaceDocument): OpenAPIObject {
  const surfaces = new Surfaces(declaredSurfaces(app));
  const builder = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle(wanted.title)
    .setDescription(wanted.description)
    .setVersion(VERSION);
  for (const scheme of new Set(surfaces.in(wanted).flatMap(({ signIn }) => SECURITY_SCHEMES[signIn]))) {
    if (scheme === 'bearer') builder.addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' });
    else builder.addApiKey({ type: 'apiKey', in: 'header', name: 'X-API-Key' }, scheme);
    builder.addSecurityRequirements(scheme);
  }
  const document = SwaggerModule.createDocument(app, builder.build(), {
    operationIdFactory: (controller, method) =>
      `${controller.replace(/Controller$/, '').toLowerCase()}_${method}`,
  });
  const all = Object.entries(document.paths);
  document.paths = Object.fromEntries(all.filter(([path]) => surfaces.find(path)?.document === wanted));
  dropUnusedSchemas(document);
  describeOperations(document);
  return withJsonSchemaNulls(document) as OpenAPIObject;
}

/** Mends what Nest writes: the wildcard of a path a second time, and responses with an empty description. */
function describeOperations({ paths }: OpenAPIObject): void {
  const operations = Object.values(paths).flatMap((item) => METHODS.flatMap((method) => item[method] ?? []));
  for (const operation of operations) {
    operation.parameters = operation.parameters?.filter(
      (parameter) => !('name' in parameter && parameter.name === '*'),
    );
    for (const [status, response] of Object.entries(operation.responses)) {
      if (response && 'description' in response) response.description ||= STATUS_CODES[status] ?? '';
    }
  }
}

/** Nest describes the bodies of all controllers; those of other surfaces are dropped. */
function dropUnusedSchemas({ paths, components }: OpenAPIObject): void {
  const schemas = components?.schemas ?? {};
  const used = new Set<string>();
  const visit = (value: unknown): void => {
    for (const [, name] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (used.has(name!)) continue;
      used.add(name!);
      visit(schemas[name!]);
    }
  };
  visit(paths);
  for (const name of Object.keys(schemas)) if (!used.has(name)) delete schemas[name];
}

/** Serves each document where its surface says, with a page to try it. */
export function serveDocuments(app: INestApplication): void {
  for (const document of app.get(Surfaces).documents) {
    const { title, jsonPath, yamlPath, page } = document;
    SwaggerModule.setup(page ?? jsonPath, app, () => createDocument(app, document), {
      ui: page !== undefined,
      raw: yamlPath === undefined ? ['json'] : ['json', 'yaml'],
      jsonDocumentUrl: jsonPath,
      yamlDocumentUrl: yamlPath,
      customSiteTitle: title,
    });
  }
}

/** OpenAPI 3.1 is JSON Schema: `nullable: true` of 3.0 is written as one more type. */
function withJsonSchemaNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withJsonSchemaNulls);
  if (typeof value !== 'object' || value === null) return value;
  const { nullable, ...rest } = value as Record<string, unknown>;
  const copy = Object.fromEntries(
    Object.entries(rest).map(([key, inner]) => [key, withJsonSchemaNulls(inner)]),
  );
  if (nullable !== true)
    return nullable === undefined || typeof nullable === 'boolean' ? copy : { nullable, ...copy };
  if (copy.type) return { ...copy, type: [copy.type, 'null'].flat() };
  const { description, example, examples, ...schema } = copy;
  return { ...{ description, example, examples }, anyOf: [schema, { type: 'null' }] };
}
