import type { FastifyInstance, FastifyRequest } from 'fastify';
import { API } from './api.surface.js';
import type { Surface, SurfaceDocument } from './surface.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The surface that the route lies in. */
    surface?: Surface;
    /** The route is part of a page of documentation, which runs scripts. */
    isPage?: boolean;
  }
}

/** All surfaces of the process, found by path. */
export class Surfaces {
  /** Each prefix with its surface, the longest first. */
  private readonly byPrefix: readonly (readonly [prefix: string, surface: Surface])[];

  /** @throws Error where two surfaces have the same prefix, or one is not a path */
  constructor(private readonly all: readonly Surface[]) {
    this.byPrefix = all
      .flatMap((surface) => surface.prefixes.map((prefix) => [prefix, surface] as const))
      .sort(([one], [other]) => other.length - one.length);
    const seen = new Set<string>();
    for (const [prefix] of this.byPrefix) {
      if (!/^(\/[^/?*]+)+$/.test(prefix)) throw new Error(`the prefix "${prefix}" of a surface is no path`);
      if (seen.has(prefix)) throw new Error(`two surfaces have the prefix ${prefix}`);
      seen.add(prefix);
    }
  }

  /** @param url a path, with or without a query */
  find(url: string): Surface | undefined {
    return this.byPrefix.find(([prefix]) => isBelow(url, prefix))?.[1];
  }

  /**
   * That of the route; where no route took the request, that of its path as it was sent. What lies nowhere is answered
   * as the API answers.
   */
  of(request: FastifyRequest): Surface {
    return request.matched?.config.surface ?? this.at(request.url);
  }

  /** Like `of`, for what has not reached a route. */
  at(url: string): Surface {
    return this.find(url) ?? API;
  }

  get documents(): readonly SurfaceDocument[] {
    return [...new Set(this.all.flatMap(({ document }) => document ?? []))];
  }

  /** The surfaces that stand in a document. */
  in(document: SurfaceDocument): readonly Surface[] {
    return this.all.filter((surface) => surface.document === document);
  }

  /** Tells each route that is registered from now on its surface. A route that lies in none stops the start. */
  placeRoutes(fastify: FastifyInstance): void {
    const pages = this.documents.flatMap(({ page }) => page ?? []);
    fastify.addHook('onRoute', (options) => {
      const { url, method } = options;
      // Preflights of all paths are answered by one route, which is no route of a surface.
      if (url === '*') return;
      const surface = this.find(url);
      if (!surface) throw new Error(`the route ${String(method)} ${url} lies in no surface`);
      const isPage = pages.some((page) => isBelow(url, page));
      options.config = { ...options.config, surface, isPage };
    });
  }
}

function isBelow(url: string, prefix: string): boolean {
  if (!url.startsWith(prefix)) return false;
  const next = url[prefix.length];
  return next === undefined || next === '/' || next === '?';
}
