import { Injectable } from '@nestjs/common';
import { entityKeyParts, entityKeyReader } from '#libs/features';
import { Database } from '../../../platform/database/database.js';
import { FeatureCatalog } from '../catalog/feature-catalog.js';
import type { StoredView } from '../definitions/definitions.js';
import { OnlineStore } from '../online/online-store.js';
import { PushedRowsRepository } from '../online/pushed-rows.repository.js';

/** Erases one of an entity from views: from the online store, and from rows that are in no file yet. */
@Injectable()
export class OnlineErasure {
  constructor(
    private readonly database: Database,
    private readonly catalog: FeatureCatalog,
    private readonly store: OnlineStore,
    private readonly rows: PushedRowsRepository,
  ) {}

  /** Every version of every view that has the entity. */
  async viewsOf(tenant: string, entity: string): Promise<StoredView[]> {
    return (await this.catalog.of(tenant)).viewsOf(entity);
  }

  /** @param key parts by column, as text @returns how many rows there were */
  erasePushed(tenant: string, view: StoredView, key: Readonly<Record<string, string>>): Promise<number> {
    return this.database.asTenant(tenant, (scope) => this.rows.erase(scope, view, key));
  }

  /**
   * A view of this entity alone has one value of it; of one that has other entities too, all keys are looked at.
   * @param key parts by column, as text
   * @returns how many values there were
   * @throws Problem 503 where Redis is away
   */
  async erase(tenant: string, view: StoredView, key: Readonly<Record<string, string>>): Promise<number> {
    const prefix = this.store.keyPrefix(tenant, view.online_id);
    if (view.keys.every(({ name }) => Object.hasOwn(key, name)))
      return this.store.remove([prefix + entityKeyReader(view.keys)(key)]);
    let removed = 0;
    for await (const keys of this.store.keysBehind(prefix))
      removed += await this.store.remove(keys.filter((each) => isOf(each.slice(prefix.length), view, key)));
    return removed;
  }
}

/** Whether the text of an entity's key has these parts. */
function isOf(text: string, { keys }: StoredView, key: Readonly<Record<string, string>>): boolean {
  const parts = entityKeyParts(text, keys.length);
  return (
    parts !== undefined && keys.every(({ name }, at) => !Object.hasOwn(key, name) || parts[at] === key[name])
  );
}
