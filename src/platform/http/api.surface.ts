import { problemBody } from '../errors/problem.js';
import type { Surface } from './surface.js';

/** What tenants' applications and data scientists call. */
export const API = {
  prefixes: ['/api/v1'],
  signIn: 'bearer',
  errors: (problem, requestId) => ({
    contentType: 'application/problem+json',
    body: problemBody(problem, requestId),
  }),
  document: {
    title: 'Modelplane',
    description: `Register, train, promote and serve models. Every request needs a bearer token or an API key; what a caller sees
is what belongs to its tenant. Errors are problem details (RFC 9457) with a \`code\` and the \`request_id\`
under which the log knows the request.`,
    jsonPath: '/api/v1/openapi.json',
    yamlPath: '/api/v1/openapi.yaml',
    page: '/docs',
  },
} satisfies Surface;

/** What operators call, and their machines: health, metrics and the page of documentation. Public. */
export const OPERATIONS: Surface = {
  prefixes: ['/healthcheck', '/metrics', '/docs'],
  signIn: 'none',
  errors: API.errors,
  document: API.document,
};
