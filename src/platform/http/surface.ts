import type { Problem } from '../errors/problem.js';

/**
 * How a caller of a surface says who it is. `bearer`: by a token (JWT) or an API key in `Authorization`, or by a key in
 * `X-API-Key`; `api_key`: by a key in `X-API-Key` alone; `none`: not at all, so that all of its routes are public.
 */
export type SignIn = 'bearer' | 'api_key' | 'none';

/** What a problem is answered with. */
export interface ErrorAnswer {
  /** Where it is not the problem's own. */
  readonly status?: number;
  readonly contentType: string;
  /** Sent as JSON. */
  readonly body: object;
}

/** An OpenAPI document and where it is served. Surfaces that name the same one stand in it together. */
export interface SurfaceDocument {
  readonly title: string;
  readonly description: string;
  readonly jsonPath: string;
  readonly yamlPath?: string;
  /** Path of a page to try it, if there is one. */
  readonly page?: string;
}

/** Paths that share one shape of errors, one way to sign in and one OpenAPI document. */
export interface Surface {
  /** `/v1` holds `/v1` and all paths below it, but not `/v10`. Of several that hold a path the longest has it. */
  readonly prefixes: readonly string[];
  readonly signIn: SignIn;
  /** @param requestId our own id of the request */
  readonly errors: (problem: Problem, requestId: string) => ErrorAnswer;
  readonly document?: SurfaceDocument;
}

/** Under this token modules provide the surfaces that they declare. */
export const SURFACE = Symbol('surface');
