import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

type Json = Record<string, unknown>;

interface Operation {
  operationId: string;
  summary?: string;
  tags?: string[];
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema: Json }[];
  requestBody?: { content: Record<string, { schema: Json }> };
  responses: Record<string, { description: string; content?: Record<string, { schema?: Json }> }>;
  security?: Record<string, unknown>[];
}

interface Document {
  openapi: string;
  info: { title: string; version: string; description: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Json>; securitySchemes: Record<string, Json> };
  security: Record<string, unknown>[];
}

// The committed file: `npm run check` says whether it is in step with the code.
const document = JSON.parse(readFileSync('openapi.json', 'utf8')) as Document;

const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(
    ([method, operation]) => [`${method.toUpperCase()} ${path}`, path, operation] as const,
  ),
);
const schemas = Object.entries(document.components.schemas);

/** Every object in a document with where it lies. */
function* objectsIn(value: unknown, at = '#'): Generator<[at: string, object: Json]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [at, value as Json];
  for (const [key, inner] of Object.entries(value)) yield* objectsIn(inner, `${at}/${key}`);
}

function resolve(reference: string): Json | undefined {
  const [root, ...path] = reference.split('/');
  expect(root).toBe('#');
  return path.reduce<unknown>((value, key) => (value as Json | undefined)?.[key], document) as
    Json | undefined;
}

describe('openapi.json', () => {
  it('should say what it is', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d$/);
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(document.info).toMatchObject({ title: 'Modelplane', version, description: expect.any(String) });
    expect(operations.length).toBeGreaterThan(15);
  });

  it('should refer only to what it has', () => {
    const references = [...objectsIn(document)].flatMap(([at, { $ref }]) =>
      typeof $ref === 'string' ? [[at, $ref] as const] : [],
    );
    expect(references.length).toBeGreaterThan(0);
    expect(references.filter(([, reference]) => resolve(reference) === undefined)).toEqual([]);
    const schemes = Object.keys(document.components.securitySchemes);
    const needed = [document.security, ...operations.map(([, , { security = [] }]) => security)].flat();
    expect(needed.flatMap(Object.keys).filter((scheme) => !schemes.includes(scheme))).toEqual([]);
  });

  it('should write null as JSON Schema does', () => {
    // A field may be called so; the keyword of OpenAPI 3.0 is true or false.
    const nullable = [...objectsIn(document)]
      .filter(([, object]) => typeof object.nullable === 'boolean')
      .map(([at]) => at);
    expect(nullable).toEqual([]);
  });

  it('should have no operation id twice', () => {
    const ids = operations.map(([, , { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  describe.each(operations)('%s', (_, path, operation) => {
    it('should have a summary and a tag', () => {
      expect(operation.summary).toMatch(/\w{2,}/);
      expect(operation.tags).toHaveLength(1);
    });

    it('should describe exactly the parameters of its path, and all others', () => {
      const parameters = operation.parameters ?? [];
      const named = parameters.filter((parameter) => parameter.in === 'path');
      const inPath = [...path.matchAll(/{(\w+)}/g)].map(([, name]) => name);
      expect(named.map(({ name }) => name).sort()).toEqual(inPath.sort());
      expect(named.every(({ required }) => required)).toBe(true);
      for (const { name, description, schema } of parameters) {
        expect([name, description, schema.example]).toEqual([
          name,
          expect.stringMatching(/\w/),
          expect.anything(),
        ]);
        expect([name, schema.type ?? schema.enum]).toEqual([name, expect.anything()]);
      }
    });

    it('should describe its responses', () => {
      const { responses, security } = operation;
      const statuses = Object.keys(responses);
      expect(statuses.some((status) => status.startsWith('2'))).toBe(true);
      for (const response of Object.values(responses)) expect(response.description).toMatch(/\w/);
      const isPublic = security?.length === 0;
      if (isPublic) return;
      expect(statuses).toEqual(expect.arrayContaining(['401', '403', '500']));
      for (const status of statuses.filter((code) => Number(code) >= 400)) {
        expect(responses[status]?.content).toEqual({
          'application/problem+json': { schema: { $ref: '#/components/schemas/ProblemBody' } },
        });
      }
      for (const [status, response] of Object.entries(responses)) {
        if (status.startsWith('2') && status !== '204')
          // A page for a reader may stand beside the one form that programs read.
          expect(Object.keys(response.content ?? {}).filter((type) => type !== 'text/markdown')).toHaveLength(
            1,
          );
      }
    });
  });

  describe.each(schemas)('schema %s', (name, schema) => {
    const properties = Object.entries((schema.properties ?? {}) as Record<string, Json>);

    it('should describe every property', () => {
      expect(properties.length).toBeGreaterThan(0);
      for (const [property, { description }] of properties) {
        expect([property, description]).toEqual([property, expect.stringMatching(/\w/)]);
      }
    });

    it('should have an example of every property, or of all that it is made of', () => {
      const without = properties
        .filter(([, property]) => !hasExample(property))
        .map(([property]) => property);
      expect(without).toEqual([]);
    });

    it('should require only what it has', () => {
      const known = properties.map(([property]) => property);
      expect((schema.required ?? []) as string[]).toEqual(
        known.filter((property) => (schema.required as string[] | undefined)?.includes(property)),
      );
    });

    it('should be valid JSON Schema whose examples fit it', () => {
      // OpenAPI's own keywords are no JSON Schema, so unknown ones pass; what is known must be right.
      const ajv = new Ajv2020({ strict: false, validateSchema: true });
      addFormats.default(ajv);
      ajv.addSchema({ ...document, $id: 'openapi' }, 'openapi');
      const pointer = `openapi#/components/schemas/${name}`;
      expect(() => ajv.compile({ $ref: pointer })).not.toThrow();
      expect([ajv.validateSchema(schema), ajv.errors]).toEqual([true, null]);
      for (const [property, { example }] of properties.filter(([, inner]) => 'example' in inner)) {
        const fits = ajv.compile({ $ref: `${pointer}/properties/${property}` });
        expect([property, fits(example), fits.errors]).toEqual([property, true, null]);
      }
    });
  });
});

describe('classes of bodies', () => {
  it('should have names of their own, or one would describe the bodies of another', () => {
    const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.dto.ts'),
    );
    const names = files.flatMap((file) =>
      [...readFileSync(join('src', file), 'utf8').matchAll(/^export class (\w+)/gm)].map(([, name]) => name),
    );
    expect(names.length).toBeGreaterThan(100);
    expect(names.filter((name, at) => names.indexOf(name) < at)).toEqual([]);
  });
});

/** Whether a schema has an example, or refers to schemas that have. */
function hasExample(schema: Json): boolean {
  if ('example' in schema || 'examples' in schema) return true;
  const parts = [schema.items, ...((schema.allOf ?? schema.anyOf ?? schema.oneOf ?? []) as unknown[])];
  const references = [schema, ...(parts.filter(Boolean) as Json[])].flatMap(({ $ref }) =>
    typeof $ref === 'string' ? [resolve($ref)] : [],
  );
  return (
    references.length > 0 &&
    references.every((found) =>
      Object.values((found?.properties ?? {}) as Record<string, Json>).every(hasExample),
    )
  );
}
