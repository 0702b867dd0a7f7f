import { STATUS_CODES } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { VERSION } from '../../config/project.js';

const DESCRIPTION = `Register, train, promote and serve models. Every request needs a bearer token; what a caller sees
is what belongs to the token's tenant. Errors are problem details (RFC 9457) with a \`code\` and the \`request_id\`
under which the log knows the request.`;

const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;

/** The OpenAPI 3.1 document of the application. */
export function createDocument(app: INestApplication): OpenAPIObject {
  const builder = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Modelplane')
    .setDescription(DESCRIPTION)
    .setVersion(VERSION)
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' })
    .addSecurityRequirements('bearer')
    .build();
  const document = SwaggerModule.createDocument(app, builder, {
    operationIdFactory: (controller, method) =>
      `${controller.replace(/Controller$/, '').toLowerCase()}_${method}`,
  });
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

/** Serves the document at /api/v1/openapi.json and a page to try it at /docs. */
export function serveDocument(app: INestApplication): void {
  SwaggerModule.setup('docs', app, () => createDocument(app), {
    jsonDocumentUrl: 'api/v1/openapi.json',
    yamlDocumentUrl: 'api/v1/openapi.yaml',
    customSiteTitle: 'Modelplane',
  });
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
