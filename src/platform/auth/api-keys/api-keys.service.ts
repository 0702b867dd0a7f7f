import { Injectable } from '@nestjs/common';
import { AuthConfig } from '../../../config/index.js';
import { Changes } from '../../changes/changes.js';
import { Database, type TenantScope } from '../../database/database.js';
import { invalid, Problem } from '../../errors/problem.js';
import { isUuid, newId } from '../../http/identifiers.js';
import { decodeCursor, type Page, pageOf, type PageQuery } from '../../http/page.js';
import { allows, type Identity, type Role } from '../identity.js';
import { digestOf, type KeyPrefix, newApiKey, visiblePart } from './api-key.js';
import type { ApiKey } from './api-key.entity.js';
import { API_KEY_CHANGE } from './api-key-verifier.js';
import type { ApiKeyBody, IssueApiKeyDto, IssuedApiKeyBody } from './api-keys.dto.js';
import { MAX_DAYS } from './api-keys.dto.js';
import { ApiKeysRepository } from './api-keys.repository.js';

const DAY_MS = 86_400_000;

/** The keys of a tenant. */
@Injectable()
export class ApiKeysService {
  constructor(
    private readonly database: Database,
    private readonly keys: ApiKeysRepository,
    private readonly changes: Changes,
    private readonly config: AuthConfig,
  ) {}

  /**
   * @param prefix what the key begins with, where the callers of a surface know keys by another one
   * @throws Problem 400, 403 or 422
   */
  async issue(caller: Identity, dto: IssueApiKeyDto, prefix: KeyPrefix = 'mp_'): Promise<IssuedApiKeyBody> {
    refuseFurtherRoles(caller, dto.roles);
    const expiresAt = expiryOf(dto);
    const id = newId();
    const text = newApiKey(id, prefix);
    const key = await this.database.asTenant(caller.tenant, async (scope) => {
      await this.refusePastLimit(scope);
      return this.keys.insert(scope, {
        id,
        name: dto.name,
        prefix,
        lastFour: text.slice(-4),
        roles: dto.roles,
        digest: digestOf(text),
        createdBy: caller.subject,
        expiresAt,
      });
    });
    return { ...toBody(key), key: text };
  }

  async list(tenant: string, { limit, cursor }: PageQuery): Promise<Page<ApiKeyBody>> {
    const before = decodeCursor(tenant, cursor, isUuid);
    const keys = await this.database.asTenant(tenant, (scope) => this.keys.list(scope, before, limit + 1));
    return pageOf(keys, limit, tenant, ({ id }) => id, toBody);
  }

  /** @throws Problem 404 */
  async get(tenant: string, id: string): Promise<ApiKeyBody> {
    refuseMalformed(id);
    const key = await this.database.asTenant(tenant, (scope) => this.keys.find(scope, id));
    if (!key) throw notFound(id);
    return toBody(key);
  }

  /**
   * Gives a key another secret. That of before is taken for a while yet; the one before that no more.
   * @throws Problem 403, 404, or 422 for a key that nobody can use any more
   */
  async rotate(caller: Identity, id: string, overlapSeconds: number): Promise<IssuedApiKeyBody> {
    refuseMalformed(id);
    const [key, text] = await this.database.asTenant(caller.tenant, async (scope) => {
      const locked = await this.keys.lock(scope, id);
      if (!locked) throw notFound(id);
      // Whoever rotates a key holds it: an admin must not come by a role in this way.
      refuseFurtherRoles(caller, locked.roles);
      refuseEnded(locked);
      const made = newApiKey(id, locked.prefix as KeyPrefix);
      const now = new Date();
      const change = {
        digest: digestOf(made),
        lastFour: made.slice(-4),
        rotatedAt: now,
        previousDigest: overlapSeconds > 0 ? locked.digest : null,
        previousUntil: overlapSeconds > 0 ? new Date(now.getTime() + overlapSeconds * 1000) : null,
      };
      await this.keys.update(scope, id, change);
      await this.changes.raise(scope, API_KEY_CHANGE, id);
      return [{ ...locked, ...change }, made] as const;
    });
    return { ...toBody(key), key: text };
  }

  /**
   * Ends a key, or leaves one that has ended as it is.
   * @throws Problem 404
   */
  async revoke(tenant: string, id: string): Promise<void> {
    refuseMalformed(id);
    await this.database.asTenant(tenant, async (scope) => {
      const key = await this.keys.lock(scope, id);
      if (!key) throw notFound(id);
      if (key.revokedAt) return;
      await this.keys.update(scope, id, { revokedAt: new Date() });
      await this.changes.raise(scope, API_KEY_CHANGE, id);
    });
  }

  private async refusePastLimit(scope: TenantScope): Promise<void> {
    await this.keys.lockMaking(scope);
    const usable = await this.keys.countUsable(scope);
    if (usable < this.config.apiKeysPerTenant) return;
    throw new Problem(
      'VALIDATION_ERROR',
      `The tenant has ${usable} API keys, which is the most: revoke one first.`,
    );
  }
}

/** A caller hands on what it may do, and no more. */
function refuseFurtherRoles(caller: Identity, roles: readonly Role[]): void {
  const further = roles.filter((role) => !allows(caller, role));
  if (further.length === 0) return;
  throw new Problem(
    'FORBIDDEN',
    `a key with the role ${further.join(', ')} needs a caller who has it; this one has ${caller.roles.join(', ')}`,
  );
}

function refuseEnded({ id, revokedAt, expiresAt }: ApiKey): void {
  const hasExpired = expiresAt !== null && expiresAt.getTime() <= Date.now();
  if (!revokedAt && !hasExpired) return;
  const how = revokedAt
    ? `was revoked at ${revokedAt.toISOString()}`
    : `expired at ${expiresAt!.toISOString()}`;
  throw new Problem('VALIDATION_ERROR', `The key ${id} ${how} and cannot be rotated: issue another one.`);
}

function expiryOf({ expires_at: time, expires_in_days: days }: IssueApiKeyDto): Date | null {
  if (time !== undefined && days !== undefined) {
    throw invalid('/expires_in_days', 'must not be given beside expires_at');
  }
  if (days !== undefined) return new Date(Date.now() + days * DAY_MS);
  if (time === undefined) return null;
  const expiresAt = new Date(time);
  const leftMs = expiresAt.getTime() - Date.now();
  if (!(leftMs > 0 && leftMs <= MAX_DAYS * DAY_MS)) {
    throw invalid('/expires_at', `must be in the future, and within ${MAX_DAYS} days`);
  }
  return expiresAt;
}

function refuseMalformed(id: string): void {
  if (!isUuid(id)) throw notFound(id);
}

function notFound(id: string): Problem {
  return new Problem('NOT_FOUND', `There is no API key ${id}.`);
}

function toBody(key: ApiKey): ApiKeyBody {
  return {
    key_id: key.id,
    name: key.name,
    prefix: visiblePart(key.id, key.prefix),
    last_four: key.lastFour,
    roles: key.roles,
    created_by: key.createdBy,
    created_at: key.createdAt.toISOString(),
    rotated_at: timeOf(key.rotatedAt),
    previous_until: timeOf(key.previousUntil),
    last_used_at: timeOf(key.lastUsedAt),
    expires_at: timeOf(key.expiresAt),
    revoked_at: timeOf(key.revokedAt),
  };
}

function timeOf(time: Date | null | undefined): string | null {
  return time?.toISOString() ?? null;
}
