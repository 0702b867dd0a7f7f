import { timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Changes } from '../../changes/changes.js';
import { Metrics } from '../../observability/metrics.js';
import { KEY_SUBJECT, type VerifiedIdentity } from '../identity.js';
import { digestOf, idOfApiKey, visiblePart } from './api-key.js';
import { ApiKeyLookup } from './api-key-lookup.js';
import { ApiKeyUse } from './api-key-use.js';
import type { SignInKey } from './api-keys.repository.js';

/** Kind of the changes of keys that have been rotated or revoked; their key is the id. */
export const API_KEY_CHANGE = 'api-key';

const MAX_KNOWN = 10_000;
const MAX_REFUSED = 10_000;
const REFUSED_MS = 2000;

const REASONS = {
  malformed: 'it is not a key of this service, or was mistyped',
  unknown: 'it is not known',
  replaced: 'it was replaced by another one',
  expired: 'it has expired',
  revoked: 'it was revoked',
} as const;
type Refusal = keyof typeof REASONS;

/** Says why a key is refused, and nothing of the key. */
export class KeyRefused extends Error {}

const subjectOf = (id: string): string => KEY_SUBJECT + id;

/**
 * The text of an API key to an identity. Keys that were seen are kept in memory, and looked at again when `Changes`
 * tells of them: requests do not wait for the database, and while it is away the keys that it last knew go on.
 */
@Injectable()
export class ApiKeyVerifier {
  private readonly known = new LRUCache<string, SignInKey>({
    max: MAX_KNOWN,
    // What is not looked at again must not hold for anybody.
    dispose: (_, id, reason) => {
      if (reason === 'evict') this.onChange(subjectOf(id));
    },
  });
  /** By digest, apart from the known ones, which a caller who makes up keys must not drive out. */
  private readonly refused = new LRUCache<string, Refusal>({ max: MAX_REFUSED, ttl: REFUSED_MS });
  private readonly refusals;
  private onChange: (subject: string) => void = () => undefined;

  constructor(
    private readonly lookup: ApiKeyLookup,
    private readonly use: ApiKeyUse,
    changes: Changes,
    metrics: Metrics,
  ) {
    this.refusals = metrics.counter(
      'modelplane_api_keys_refused_total',
      'Requests with a key that was refused.',
      { name: 'reason', values: Object.keys(REASONS) },
    );
    changes.on(API_KEY_CHANGE, (changed) =>
      this.refresh(changed?.map(({ key }) => key).filter((id) => this.known.has(id))),
    );
  }

  /** @param forget is told whose identity no longer holds */
  whenChanged(forget: (subject: string) => void): void {
    this.onChange = forget;
  }

  /**
   * Who the bearer of a key is.
   * @throws KeyRefused, or DatabaseUnavailable where that cannot be found out
   */
  async verify(text: string): Promise<VerifiedIdentity> {
    const id = idOfApiKey(text);
    if (id === undefined) throw this.refuse('malformed');
    const digest = digestOf(text);
    const name = digest.toString('base64');
    const before = this.refused.get(name);
    if (before) throw this.refuse(before);

    let verdict = judge(this.known.get(id), digest);
    // Another process may have made or rotated it a moment ago.
    if (verdict === 'unknown') verdict = judge(await this.ask(id), digest);
    if (typeof verdict === 'string') {
      this.refused.set(name, verdict);
      throw this.refuse(verdict);
    }
    this.use.note(id);
    return verdict;
  }

  /**
   * Looks again at keys that may have changed. The look-up answers in the order in which it is asked, so that what it
   * is asked from now on is not overtaken by an older answer.
   */
  async refresh(ids: readonly string[] = [...this.known.keys()]): Promise<void> {
    await Promise.all(ids.map((id) => this.ask(id)));
  }

  private async ask(id: string): Promise<SignInKey | undefined> {
    const key = await this.lookup.find(id);
    this.keep(id, key);
    return key;
  }

  /** What the database says of a key; what else was known of it holds for nobody any more. */
  private keep(id: string, key: SignInKey | undefined): void {
    const before = this.known.get(id);
    if (key) this.known.set(id, key);
    else this.known.delete(id);
    if (before && !(key && isSame(before, key))) this.onChange(subjectOf(id));
  }

  private refuse(reason: Refusal): KeyRefused {
    this.refusals.inc({ reason });
    return new KeyRefused(REASONS[reason]);
  }
}

function judge(key: SignInKey | undefined, digest: Buffer): VerifiedIdentity | Refusal {
  if (!key) return 'unknown';
  const isCurrent = timingSafeEqual(digest, key.digest);
  const isPrevious = key.previousDigest !== null && timingSafeEqual(digest, key.previousDigest);
  if (!isCurrent && !isPrevious) return 'unknown';
  if (key.revokedAt) return 'revoked';
  const expiresMs = key.expiresAt?.getTime() ?? Infinity;
  if (expiresMs <= Date.now()) return 'expired';
  const replacedMs = isCurrent ? Infinity : key.previousUntil!.getTime();
  if (replacedMs <= Date.now()) return 'replaced';
  return {
    subject: subjectOf(key.id),
    apiKey: visiblePart(key.id, key.prefix),
    tenant: key.tenantId,
    roles: key.roles,
    expiresAt: Math.min(expiresMs, replacedMs) / 1000,
  };
}

/** All else of a key never changes. */
function isSame(one: SignInKey, other: SignInKey): boolean {
  return one.digest.equals(other.digest) && one.revokedAt?.getTime() === other.revokedAt?.getTime();
}
