import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { RateLimitConfig } from '../../config/index.js';
import { AppLogger } from '../observability/logger.js';
import { Metrics } from '../observability/metrics.js';
import { SharedBuckets } from './shared-buckets.js';

export interface Verdict {
  allowed: boolean;
  /** Tokens that the tenant has left, as far as this process knows. */
  remaining: number;
  /** Seconds until what was asked for can be had, or, where it was had, until the bucket is full again. */
  seconds: number;
}

/** What this process knows of a tenant's bucket. */
interface Tenant {
  readonly name: string;
  /** Leased tokens that are not spent. */
  held: number;
  heldUntil: number;
  /** What Redis had left when it was last asked. */
  left: number;
  leftAt: number;
  /** Less than this many tokens were to be had, until then. */
  refused: number;
  refusedUntil: number;
  leasing?: Promise<void>;
  expiry?: NodeJS.Timeout;
  /** The bucket that counts while Redis is away: this process's share. */
  share: number;
  shareAt: number;
}

/** A process may have this part of a bucket to itself, */
const LEASE_SHARE = 0.05;
/** for this long; then what is not spent goes back. */
const LEASE_MS = 1000;

/**
 * A token bucket for each tenant. Tokens are spent from a lease in memory, which is renewed in the background when
 * half of it is gone; only a request that finds it empty waits for Redis.
 */
@Injectable()
export class RateLimiter {
  private readonly tenants = new LRUCache<string, Tenant>({ max: 10_000 });
  private readonly leaseSize: number;
  private readonly perMs: number;
  private readonly shareSize: number;
  private isLocal = false;
  private readonly local;
  private readonly refusals;

  constructor(
    private readonly config: RateLimitConfig,
    private readonly buckets: SharedBuckets,
    private readonly logger: AppLogger,
    metrics: Metrics,
  ) {
    this.leaseSize = Math.max(1, Math.floor(config.burst * LEASE_SHARE));
    this.perMs = config.perMinute / 60_000;
    this.shareSize = Math.max(1, config.burst / config.processes);
    this.local = metrics.counter(
      'modelplane_rate_limit_local_total',
      'Requests whose limit this process applied alone because Redis was away.',
    );
    this.refusals = metrics.counter(
      'modelplane_rate_limited_total',
      'Requests answered with 429 for their tenant.',
    );
    metrics.gauge(
      'modelplane_rate_limit_local',
      '1 while Redis is away and each process applies its share.',
      [],
      () => [{ labels: {}, value: this.isLocal ? 1 : 0 }],
      'max',
    );
  }

  get isOff(): boolean {
    return this.config.perMinute === 0;
  }

  /** Tokens that a tenant has left, as far as this process knows. */
  remaining(name: string): number {
    const tenant = this.tenantOf(name);
    return Math.max(0, Math.floor(this.buckets.isAway ? tenant.share : this.known(tenant)));
  }

  /** Takes tokens of a tenant, at once wherever the lease has them. A cost beyond the whole bucket costs the bucket. */
  take(name: string, asked: number): Verdict | Promise<Verdict> {
    const cost = Math.min(asked, this.config.burst);
    const tenant = this.tenantOf(name);
    if (!this.spend(tenant, cost)) return this.takeSlowly(tenant, cost);
    if (tenant.held < this.leaseSize / 2) this.renewAhead(tenant);
    return this.allow(tenant);
  }

  /**
   * Takes tokens for work of which only its end has told how much it was, though the tenant may not have them: it owes
   * them then, of one bucket at most, and its requests are refused until they have come back.
   */
  charge(name: string, cost: number): void {
    if (this.isOff || cost <= 0) return;
    const tenant = this.tenantOf(name);
    const price = Math.min(cost, this.config.burst);
    if (this.spend(tenant, price)) {
      if (tenant.held < this.leaseSize / 2) this.renewAhead(tenant);
      return;
    }
    const leased = Math.min(tenant.held, price);
    tenant.held -= leased;
    this.buckets.lease(name, 0, 0, leased - price).then(
      ({ left }) => Object.assign(tenant, { left, leftAt: performance.now() }),
      () => (tenant.share = Math.max(-this.shareSize, tenant.share - price)),
    );
  }

  private async takeSlowly(tenant: Tenant, cost: number): Promise<Verdict> {
    for (;;) {
      if (this.spend(tenant, cost)) return this.allow(tenant);
      if (this.buckets.isAway) return this.takeFromShare(tenant, cost);
      if (cost >= tenant.refused && performance.now() < tenant.refusedUntil) return this.refuse(tenant, cost);
      try {
        // Whoever waits already may get what is enough for this one too.
        await (tenant.leasing ?? this.lease(tenant, cost));
      } catch {
        return this.takeFromShare(tenant, cost);
      }
    }
  }

  private spend(tenant: Tenant, cost: number): boolean {
    if (tenant.held < cost || performance.now() > tenant.heldUntil) return false;
    tenant.held -= cost;
    return true;
  }

  private renewAhead(tenant: Tenant): void {
    if (tenant.leasing || this.buckets.isAway || performance.now() < tenant.refusedUntil) return;
    this.lease(tenant, 0).catch(() => undefined);
  }

  /** Hands back what is held and takes a new lease, in one step of Redis. */
  private lease(tenant: Tenant, needed: number): Promise<void> {
    const returned = tenant.held;
    const wanted = Math.max(this.leaseSize, needed);
    tenant.leasing = this.buckets
      .lease(tenant.name, needed, wanted, returned)
      .then(({ granted, left }) => this.leased(tenant, needed, granted, returned, left))
      .finally(() => (tenant.leasing = undefined));
    return tenant.leasing;
  }

  private leased(tenant: Tenant, needed: number, granted: number, returned: number, left: number): void {
    const now = performance.now();
    // Some of what was handed back may have been spent meanwhile.
    tenant.held += granted - returned;
    tenant.heldUntil = now + LEASE_MS;
    tenant.left = left;
    tenant.leftAt = now;
    if (granted < Math.max(1, needed)) {
      tenant.refused = needed;
      tenant.refusedUntil = now + Math.min(LEASE_MS, Math.max(1, needed - left) / this.perMs);
    }
    clearTimeout(tenant.expiry);
    tenant.expiry = setTimeout(() => this.giveBack(tenant), LEASE_MS).unref();
    if (this.isLocal) this.logger.info('rate limit is shared again');
    this.isLocal = false;
  }

  private giveBack(tenant: Tenant): void {
    if (tenant.held <= 0 || tenant.leasing || this.buckets.isAway) return;
    const { held } = tenant;
    tenant.held = 0;
    this.buckets.lease(tenant.name, 0, 0, held).then(
      ({ left }) => Object.assign(tenant, { left, leftAt: performance.now() }),
      () => undefined,
    );
  }

  private takeFromShare(tenant: Tenant, cost: number): Verdict {
    if (!this.isLocal)
      this.logger.warn('rate limit without Redis: each process applies its share', this.config);
    this.isLocal = true;
    this.local.inc();
    const now = performance.now();
    const perMs = this.perMs / this.config.processes;
    tenant.share = Math.min(this.shareSize, tenant.share + (now - tenant.shareAt) * perMs);
    tenant.shareAt = now;
    const price = Math.min(cost, this.shareSize);
    const allowed = tenant.share >= price;
    if (allowed) tenant.share -= price;
    else this.refusals.inc();
    const missing = allowed ? this.shareSize - tenant.share : price - tenant.share;
    return { allowed, remaining: Math.floor(tenant.share), seconds: Math.ceil(missing / perMs / 1000) };
  }

  private allow(tenant: Tenant): Verdict {
    const known = this.known(tenant);
    const seconds = Math.ceil((this.config.burst - known) / this.perMs / 1000);
    return { allowed: true, remaining: Math.floor(known), seconds };
  }

  private refuse(tenant: Tenant, cost: number): Verdict {
    this.refusals.inc();
    const known = this.known(tenant);
    const seconds = Math.max(1, Math.ceil((cost - known) / this.perMs / 1000));
    return { allowed: false, remaining: Math.floor(known), seconds };
  }

  private known({ held, left, leftAt }: Tenant): number {
    return Math.min(this.config.burst, held + left + (performance.now() - leftAt) * this.perMs);
  }

  private tenantOf(name: string): Tenant {
    let tenant = this.tenants.get(name);
    if (!tenant) {
      const now = performance.now();
      tenant = {
        ...{ name, held: 0, heldUntil: 0, left: this.config.burst, leftAt: now },
        ...{ refused: 0, refusedUntil: 0, share: this.shareSize, shareAt: now },
      };
      this.tenants.set(name, tenant);
    }
    return tenant;
  }
}
