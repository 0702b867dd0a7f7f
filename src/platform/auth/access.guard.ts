import type { IncomingMessage } from 'node:http';
import { type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { AuthGuard } from '@nestjs/passport';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { StorageConfig } from '../../config/index.js';
import { Problem } from '../errors/problem.js';
import type { SignIn } from '../http/surface.js';
import { Surfaces } from '../http/surfaces.js';
import { currentContext } from '../observability/request-context.js';
import { Access, type NeededRole, OBJECT_READER } from './access.decorator.js';
import { ApiKeyVerifier, KeyRefused } from './api-keys/api-key-verifier.js';
import { apiKeyOf, unauthorized } from './credentials.js';
import { allows, type Identity, type VerifiedIdentity } from './identity.js';

const CACHE_MS = 60_000;
/** A longer header is verified each time rather than kept. */
const MAX_KEPT_LENGTH = 4096;

interface Verified {
  readonly identity: Identity;
  readonly untilMs: number;
}

/** Lets a caller through whose token or API key is valid and whose role is enough for the route. */
@Injectable()
export class AccessGuard extends AuthGuard('jwt') {
  /** Verified tokens and keys by their header: 20 us less a request; never past the end of the token or key. */
  private readonly verified = new LRUCache<string, Verified>({ max: 10_000 });

  constructor(
    private readonly reflector: Reflector,
    private readonly surfaces: Surfaces,
    private readonly keys: ApiKeyVerifier,
    private readonly storage: StorageConfig,
  ) {
    super();
    keys.whenChanged((subject) => this.forget(subject));
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    const needed = this.reflector.getAllAndOverride(Access, [context.getHandler(), context.getClass()]);
    if (needed === 'public') return true;

    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const identity = request.identity ?? (await this.authenticate(request, http.getResponse<FastifyReply>()));
    this.requireRole(identity, needed === OBJECT_READER ? this.storage.objectReaderRole : needed);
    return true;
  }

  /** Lets a caller whose role is enough go on, and names its tenant in the log. @throws Problem 403 */
  requireRole(identity: Identity, needed: NeededRole): void {
    const log = currentContext();
    if (log) log.tenant = identity.tenant;
    if (needed !== 'any' && !allows(identity, needed)) {
      throw new Problem(
        'FORBIDDEN',
        `this needs the role ${needed}; the caller has ${identity.roles.join(', ') || 'none'}`,
      );
    }
  }

  /** Who calls, once a request: before its body is read, or when the guard's turn has come. */
  authenticate(request: FastifyRequest, reply: FastifyReply): Identity | Promise<Identity> {
    const { signIn } = this.surfaces.of(request);
    const credential = credentialOf(request, signIn);
    const known = credential === undefined ? undefined : this.verified.get(credential);
    if (known && known.untilMs > Date.now()) return (request.identity = known.identity);
    return this.verify(credential, signIn, request, reply);
  }

  /** Tenant of a caller who was verified of late, from memory; undefined for all others. */
  knownTenant(request: Pick<IncomingMessage, 'headers'>, signIn: SignIn): string | undefined {
    const credential = credentialOf(request, signIn);
    return credential === undefined ? undefined : this.verified.get(credential)?.identity.tenant;
  }

  private async verify(
    credential: string | undefined,
    signIn: SignIn,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<Identity> {
    if (signIn === 'none') throw new Problem('NOT_FOUND', `Cannot ${request.method} ${request.url}`);
    const key = apiKeyOf(request, signIn);
    const identity =
      key === undefined ? await this.verifyToken(request, reply) : await this.verifyKey(key, signIn);
    if (credential !== undefined && credential.length <= MAX_KEPT_LENGTH) {
      const untilMs = Math.min(Date.now() + CACHE_MS, identity.expiresAt * 1000);
      this.verified.set(credential, { identity, untilMs });
    }
    return (request.identity = identity);
  }

  private async verifyToken(request: FastifyRequest, reply: FastifyReply): Promise<VerifiedIdentity> {
    await super.canActivate(new ExecutionContextHost([request, reply]));
    return (request as unknown as { user: VerifiedIdentity }).user;
  }

  private verifyKey(key: string, signIn: SignIn): Promise<VerifiedIdentity> {
    return this.keys.verify(key).catch((error: unknown) => {
      throw error instanceof KeyRefused ? unauthorized('key', error.message, signIn) : error;
    });
  }

  private forget(subject: string): void {
    for (const [credential, { identity }] of this.verified.entries())
      if (identity.subject === subject) this.verified.delete(credential);
  }

  /** passport's verdict: an error is a token that names no tenant, `info` says what else is wrong with it. */
  override handleRequest<T>(error: Error | null, identity: T | false, info?: Error): T {
    if (identity && !error) return identity;
    if (info instanceof Problem) throw info;
    const reason = error?.message ?? info?.message ?? 'no bearer token';
    const detail =
      reason === 'No auth token'
        ? 'an Authorization header with a bearer token, or an API key, is required'
        : reason;
    throw unauthorized('token', detail);
  }
}

/** Under which name what a request signs in with is kept; undefined where it is not one credential of the surface. */
function credentialOf({ headers }: Pick<IncomingMessage, 'headers'>, signIn: SignIn): string | undefined {
  const { authorization, 'x-api-key': key } = headers;
  if (key === undefined) return signIn === 'bearer' ? authorization : undefined;
  // No header holds a line feed: the name of a key in X-API-Key is that of no Authorization.
  return authorization === undefined ? `\n${String(key)}` : undefined;
}
