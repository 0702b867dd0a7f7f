import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { type Changed, Changes } from '../../../platform/changes/changes.js';
import { Database, type TenantScope } from '../../../platform/database/database.js';
import { DefinitionsRepository } from '../definitions/definitions.repository.js';
import { TenantFeatures } from './tenant-features.js';

const KIND = 'features';
/** A tenant's definitions are one thing to the changes. */
const KEY = 'definitions';
/** Views, entities and services of all tenants in memory; each takes a few kilobytes. */
const MAX_DEFINITIONS = 50_000;

/** The definitions of the tenants that this process has asked for, in memory and kept true by `Changes`. */
@Injectable()
export class FeatureCatalog {
  private readonly held = new LRUCache<string, TenantFeatures>({
    maxSize: MAX_DEFINITIONS,
    sizeCalculation: ({ entities, views, services }) => 1 + entities.size + views.size + services.size,
  });
  private readonly pending = new Map<string, Promise<TenantFeatures>>();
  /** Raised with each change: definitions that were asked for before it are not kept. */
  private generation = 0;
  private revision = 0;

  constructor(
    private readonly database: Database,
    private readonly definitions: DefinitionsRepository,
    private readonly changes: Changes,
  ) {
    changes.on(KIND, (changed) => this.renew(changed));
  }

  /** All definitions of the tenant; a promise only where they are not in memory. @throws DatabaseUnavailable */
  of(tenant: string): TenantFeatures | Promise<TenantFeatures> {
    return this.held.get(tenant) ?? this.loadOnce(tenant);
  }

  /** Must be called in each transaction that changes a definition, as late as possible. */
  async noteChange(scope: TenantScope): Promise<void> {
    await this.changes.raise(scope, KIND, KEY);
  }

  private loadOnce(tenant: string): Promise<TenantFeatures> {
    // What was asked for before a change may be as of before it.
    const key = `${this.generation}\n${tenant}`;
    const loading = this.pending.get(key) ?? this.load(tenant).finally(() => this.pending.delete(key));
    this.pending.set(key, loading);
    return loading;
  }

  private async load(tenant: string): Promise<TenantFeatures> {
    const { generation } = this;
    const rows = await this.database.asTenant(tenant, (scope) => this.definitions.all(scope));
    const features = TenantFeatures.of(rows, ++this.revision);
    if (generation === this.generation) this.held.set(tenant, features);
    return features;
  }

  /** The old definitions hold until the new ones are there, so that a database that goes away takes none with it. */
  private async renew(changed: readonly Changed[] | undefined): Promise<void> {
    this.generation++;
    if (!changed) return this.held.clear();
    for (const { tenant } of changed) if (this.held.has(tenant)) await this.load(tenant);
  }
}
