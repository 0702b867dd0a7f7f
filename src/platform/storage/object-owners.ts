import { Injectable, Module } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { TenantScope } from '../database/database.js';

/** A folder that each tenant has in the platform's bucket: `s3://modelplane/<tenant>/<name>/`. */
export interface OwnedFolder {
  readonly name: string;
  /** An object lies directly in the folder, under the lower-case hex SHA-256 of its content. */
  readonly isContentAddressed: boolean;
  readonly isBackedUp: boolean;
}

/**
 * What one part of the service keeps in a folder, which several owners may share. The name of an object is what
 * follows the folder in its key, up to the next slash: `<tenant>/jobs/batch-1/parts/7.json` belongs to `batch-1`.
 */
export interface ObjectOwner {
  /** What the objects are, in the plural, for messages. */
  readonly what: string;
  readonly folder: OwnedFolder;
  /**
   * Select of `tenant_id` and `name`, both text, of all that is kept for as long as it is selected. Without it the
   * owner keeps objects only while they are young. It is SQL because two ask it: a server in a tenant's transaction,
   * of the names on a page, and a backup in its snapshot of all tenants, as the role that owns the tables.
   */
  readonly kept?: string;
}

/** Token of what one module registers by `Artifacts.ownedBy`. */
export const REGISTERED_OWNERS = Symbol('registered owners of objects');

/** Carries the owners that one module registers, to where all are collected. */
@Module({})
export class ObjectOwnersModule {}

/** The owners that the modules of this application registered. */
@Injectable()
export class ObjectOwners {
  readonly all: readonly ObjectOwner[];

  constructor(modules: ModulesContainer) {
    this.all = ownersIn(modules);
  }

  of(folder: string): ObjectOwner[] {
    return this.all.filter((owner) => owner.folder.name === folder);
  }
}

/**
 * Reads owners from the modules as they were declared, so that it also works where Nest has instantiated nothing.
 * @throws Error where a folder is declared twice, since its owners could then disagree about it
 */
export function ownersIn(modules: ModulesContainer): ObjectOwner[] {
  const owners = [...modules.values()]
    .filter(({ metatype }) => metatype === ObjectOwnersModule)
    .flatMap(({ providers }) => providers.get(REGISTERED_OWNERS)?.instance as ObjectOwner[]);
  for (const { folder } of owners) {
    if (owners.some((other) => other.folder.name === folder.name && other.folder !== folder))
      throw new Error(`the folder ${folder.name} is declared twice; its owners must share one declaration`);
  }
  return owners;
}

/** Of these names, those that one of the owners keeps for the tenant. */
export async function keptNames(
  { tenant, manager }: TenantScope,
  owners: readonly ObjectOwner[],
  names: readonly string[],
): Promise<Set<string>> {
  const kept = new Set<string>();
  for (const owner of owners) {
    if (owner.kept === undefined) continue;
    const rows: { name: string }[] = await manager.query(
      `select distinct name from (${owner.kept}) kept where tenant_id = $1 and name = any($2::text[])`,
      [tenant, names],
    );
    for (const { name } of rows) kept.add(name);
  }
  return kept;
}
