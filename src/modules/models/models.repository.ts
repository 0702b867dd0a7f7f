import { Injectable } from '@nestjs/common';
import { In, Raw, type SelectQueryBuilder } from 'typeorm';
import { Changes } from '../../platform/changes/changes.js';
import type { TenantScope } from '../../platform/database/database.js';
import { currentVersion, type VersionState } from './default-version.js';
import {
  type Framework,
  Model,
  ModelVersion,
  StageChange,
  VersionFile,
  type VersionFileName,
  type VersionFiles,
} from './model.entity.js';
import type { ModelKey } from './model-reference.js';
import type { Stage } from './stage.js';
import type { VersionNumber } from './version-number.js';

export interface ModelFilter {
  stage?: Stage;
  framework?: Framework;
  name?: string;
  tags: [name: string, value: string][];
  before?: string;
  limit: number;
}

/** A version with its files, of which an empty one has none. */
export type VersionWithFiles = ModelVersion & { files: Partial<VersionFiles> };

/** Name of a feature service, or a regular expression that a reference of a feature matches. */
export type FeatureFilter = { readonly service: string } | { readonly references: string };

/** A version that was trained on the features of a service. */
export interface FeatureVersion extends VersionNumber {
  /** Of the model. */
  id: string;
  name: string;
  stage: Stage;
  service: string;
}

const SUMMARY = [
  'id',
  'major',
  'minor',
  'patch',
  'stage',
  'framework',
  'frameworkVersion',
  'metrics',
  'createdAt',
  'filledAt',
] as const satisfies (keyof ModelVersion)[];

const NEWEST_FIRST = { major: 'DESC', minor: 'DESC', patch: 'DESC' } as const;

/** Kind of the changes of models that servers hear of. */
export const MODEL_CHANGE = 'model';

/** SQL of one tenant's registry. */
@Injectable()
export class ModelsRepository {
  constructor(private readonly changes: Changes) {}

  /** @returns false where the tenant has a model of this name */
  async insert({ manager, tenant }: TenantScope, model: Partial<Model>): Promise<boolean> {
    const result = await manager
      .createQueryBuilder()
      .insert()
      .into(Model)
      .values({ ...model, tenantId: tenant } as never)
      .orIgnore()
      .returning('id')
      .execute();
    return (result.raw as unknown[]).length === 1;
  }

  find({ manager, tenant }: TenantScope, by: ModelKey): Promise<Model | null> {
    return manager.findOneBy(Model, { tenantId: tenant, ...by });
  }

  /** Id and name of those that there are. */
  findAll(
    { manager, tenant }: TenantScope,
    keys: readonly ModelKey[],
  ): Promise<Pick<Model, 'id' | 'name'>[]> {
    const ids = keys.flatMap((key) => ('id' in key ? key.id : []));
    const names = keys.flatMap((key) => ('name' in key ? key.name : []));
    return manager.find(Model, {
      select: { id: true, name: true },
      where: [
        { tenantId: tenant, id: In(ids) },
        { tenantId: tenant, name: In(names) },
      ],
    });
  }

  /** Locks the row: whoever numbers, fills or moves a version of the model holds it. */
  lock({ manager, tenant }: TenantScope, by: ModelKey): Promise<Model | null> {
    return manager.findOne(Model, {
      where: { tenantId: tenant, ...by },
      lock: { mode: 'pessimistic_write' },
    });
  }

  /** Keeps the model, where it is still there, from being deleted until the transaction ends. */
  async keep({ manager, tenant }: TenantScope, id: string): Promise<void> {
    const lock = { mode: 'for_key_share' as const };
    await manager.findOne(Model, { select: { id: true }, where: { tenantId: tenant, id }, lock });
  }

  /** Newest first. */
  list({ manager, tenant }: TenantScope, filter: ModelFilter): Promise<Model[]> {
    const query = manager
      .createQueryBuilder(Model, 'model')
      .where('model.tenant_id = :tenant', { tenant })
      .orderBy('model.id', 'DESC')
      .limit(filter.limit);
    if (filter.framework) query.andWhere('model.framework = :framework', { framework: filter.framework });
    if (filter.name) query.andWhere('model.name = :name', { name: filter.name });
    if (filter.before) query.andWhere('model.id < :before', { before: filter.before });
    if (filter.tags.length > 0)
      query.andWhere('model.tags @> :tags', { tags: Object.fromEntries(filter.tags) });
    if (filter.stage) {
      query.andWhere(
        `exists (select from model_versions version where version.tenant_id = model.tenant_id
           and version.model_id = model.id and version.stage = :stage)`,
        { stage: filter.stage },
      );
    }
    return query.getMany();
  }

  async update({ manager, tenant }: TenantScope, id: string, change: Partial<Model>): Promise<void> {
    await manager.update(Model, { tenantId: tenant, id }, { ...change, updatedAt: () => 'now()' } as never);
  }

  /**
   * Notes, once its versions are as they shall be, that the model may answer with another one: what it shows of the one
   * that answers by default, and, to every server when the transaction commits, that what they have in memory is old.
   */
  async noteChange(scope: TenantScope, { id, hadProduction }: Model): Promise<void> {
    const current = currentVersion(await this.versionStates(scope, [id]), hadProduction);
    const revision = await this.changes.raise(scope, MODEL_CHANGE, id);
    await this.update(scope, id, { hadProduction, framework: current?.framework, revision });
  }

  /** Tells every server, once the transaction commits, that the model is no more. */
  async noteDeletion(scope: TenantScope, { id }: Model): Promise<void> {
    await this.changes.raise(scope, MODEL_CHANGE, id);
  }

  async delete({ manager, tenant }: TenantScope, id: string): Promise<void> {
    await manager.delete(Model, { tenantId: tenant, id });
  }

  /** Versions without what only one at a time is asked for, newest number first, from below `before`. */
  versionSummaries(
    { manager, tenant }: TenantScope,
    modelId: string,
    before: VersionNumber | undefined,
    limit: number,
  ): Promise<VersionWithFiles[]> {
    const query = manager
      .createQueryBuilder(ModelVersion, 'version')
      .select(SUMMARY.map((column) => `version.${column}`))
      .where('version.tenant_id = :tenant and version.model_id = :modelId', { tenant, modelId })
      .orderBy({ 'version.major': 'DESC', 'version.minor': 'DESC', 'version.patch': 'DESC' })
      .limit(limit);
    if (before) {
      query.andWhere('(version.major, version.minor, version.patch) < (:major, :minor, :patch)', {
        ...before,
      });
    }
    return withFiles(query);
  }

  newestVersion({ manager, tenant }: TenantScope, modelId: string): Promise<ModelVersion | null> {
    return manager.findOne(ModelVersion, { where: { tenantId: tenant, modelId }, order: NEWEST_FIRST });
  }

  /** The newest version of an ensemble whose weights were learned by a table. */
  newestFittedVersion({ manager, tenant }: TenantScope, modelId: string): Promise<ModelVersion | null> {
    const data = Raw((column) => `jsonb_exists(${column}, 'evaluation')`);
    return manager.findOne(ModelVersion, { where: { tenantId: tenant, modelId, data }, order: NEWEST_FIRST });
  }

  productionVersion({ manager, tenant }: TenantScope, modelId: string): Promise<ModelVersion | null> {
    return manager.findOneBy(ModelVersion, { tenantId: tenant, modelId, stage: 'production' });
  }

  /** What `VersionState` has of every version of the models, newest number first. */
  versionStates({ manager, tenant }: TenantScope, modelIds: string[]): Promise<VersionState[]> {
    const number = { major: true, minor: true, patch: true };
    return manager.find(ModelVersion, {
      select: { modelId: true, ...number, stage: true, framework: true, filledAt: true },
      where: { tenantId: tenant, modelId: In(modelIds) },
      order: NEWEST_FIRST,
    });
  }

  /** Number and names of the features of every version that has an artifact, newest number first. */
  featureNames(
    { manager, tenant }: TenantScope,
    modelId: string,
  ): Promise<(VersionNumber & { features: string[] })[]> {
    return manager.query(
      `select major, minor, patch, jsonb_path_query_array(signature, '$.inputs[*].name') as features
       from model_versions where tenant_id = $1 and model_id = $2 and signature is not null
       order by major desc, minor desc, patch desc`,
      [tenant, modelId],
    );
  }

  /**
   * Names of the ensembles that a model is a member of: by a version in staging or production, or by their newest one.
   * At most three.
   */
  async ensemblesWith({ manager, tenant }: TenantScope, modelId: string): Promise<string[]> {
    const rows: { name: string }[] = await manager.query(
      `select distinct e.name from model_versions v
         join models e on e.tenant_id = v.tenant_id and e.id = v.model_id
       where v.tenant_id = $1 and v.framework = 'ensemble' and v.parameters @> $2 and v.model_id <> $3
         and (v.stage in ('staging', 'production') or not exists (
           select from model_versions later where later.tenant_id = v.tenant_id and later.model_id = v.model_id
             and (later.major, later.minor, later.patch) > (v.major, v.minor, v.patch)))
       order by e.name limit 3`,
      [tenant, { members: [{ model_id: modelId }] }, modelId],
    );
    return rows.map(({ name }) => name);
  }

  /**
   * Versions that were trained on features of a feature service, newest first, and how many there are in all.
   * @param of its name, or a regular expression that a reference of its features matches
   * @param withArchived whether those in the stage archived are among them
   */
  async featureVersions(
    { manager, tenant }: TenantScope,
    of: FeatureFilter,
    withArchived: boolean,
    limit: number,
  ): Promise<{ count: number; versions: FeatureVersion[] }> {
    const condition =
      'service' in of
        ? `v.data -> 'feature_service' ->> 'name' = $2`
        : `exists (select from jsonb_array_elements(v.data -> 'feature_service' -> 'features') feature
                   where feature ->> 'reference' ~ $2)`;
    const rows: (FeatureVersion & { count: string })[] = await manager.query(
      `select m.id, m.name, v.major, v.minor, v.patch, v.stage, v.data -> 'feature_service' ->> 'name' as service,
              count(*) over () as count
       from model_versions v join models m on m.tenant_id = v.tenant_id and m.id = v.model_id
       where v.tenant_id = $1 and v.data ? 'feature_service' and ${condition}
         and ($3 or v.stage <> 'archived')
       order by v.created_at desc, v.id desc limit $4`,
      [tenant, 'service' in of ? of.service : of.references, withArchived, limit],
    );
    return {
      count: Number(rows[0]?.count ?? 0),
      versions: rows.map(({ count: _count, ...version }) => version),
    };
  }

  /** Those of some models of which any version has, however deep, a version of `modelId` among its members. */
  async ancestors(
    { manager, tenant }: TenantScope,
    modelId: string,
    among: readonly string[],
  ): Promise<string[]> {
    const rows: { root: string }[] = await manager.query(
      `with recursive reached (root, id) as (
         select id, id from unnest($2::uuid[]) id
         union
         select r.root, (member ->> 'model_id')::uuid from reached r
           join model_versions v on v.tenant_id = $1 and v.model_id = r.id and v.framework = 'ensemble'
           cross join jsonb_array_elements(v.parameters -> 'members') member)
       select distinct root from reached where id = $3`,
      [tenant, among, modelId],
    );
    return rows.map(({ root }) => root);
  }

  /** Lets one transaction of the tenant at a time go on from here, of those that say which models are made of which. */
  async lockMemberships({ manager, tenant }: TenantScope): Promise<void> {
    await manager.query(`select pg_advisory_xact_lock(hashtextextended('memberships ' || $1, 0))`, [tenant]);
  }

  async findVersion(
    { manager, tenant }: TenantScope,
    modelId: string,
    number: VersionNumber,
  ): Promise<VersionWithFiles | null> {
    const query = manager
      .createQueryBuilder(ModelVersion, 'version')
      .where('version.tenant_id = :tenant and version.model_id = :modelId', { tenant, modelId })
      .andWhere('version.major = :major and version.minor = :minor and version.patch = :patch', {
        ...number,
      });
    return (await withFiles(query))[0] ?? null;
  }

  async insertVersion({ manager, tenant }: TenantScope, version: Partial<ModelVersion>): Promise<void> {
    await manager.insert(ModelVersion, { ...version, tenantId: tenant } as never);
  }

  /** Names the files of a version, which must be filled in the same transaction. */
  async insertFiles(
    { manager, tenant }: TenantScope,
    versionId: string,
    files: Partial<VersionFiles>,
  ): Promise<void> {
    const rows = Object.entries(files).map(([name, file]) => ({
      tenantId: tenant,
      versionId,
      name: name as VersionFileName,
      ...file,
    }));
    if (rows.length > 0) await manager.insert(VersionFile, rows);
  }

  async updateVersion(
    { manager, tenant }: TenantScope,
    id: string,
    change: Partial<ModelVersion>,
  ): Promise<void> {
    await manager.update(ModelVersion, { tenantId: tenant, id }, change as never);
  }

  async recordMove({ manager, tenant }: TenantScope, change: Partial<StageChange>): Promise<void> {
    await manager.insert(StageChange, { ...change, tenantId: tenant });
  }

  /** Those into production and out of it, oldest first. */
  movesOfProduction({ manager, tenant }: TenantScope, modelId: string): Promise<StageChange[]> {
    const moves = { tenantId: tenant, modelId };
    return manager.find(StageChange, {
      where: [
        { ...moves, fromStage: 'production' },
        { ...moves, toStage: 'production' },
      ],
      order: { id: 'ASC' },
    });
  }

  /** Newest first. */
  moves(
    { manager, tenant }: TenantScope,
    modelId: string,
    before: string | undefined,
    limit: number,
  ): Promise<StageChange[]> {
    const query = manager
      .createQueryBuilder(StageChange, 'change')
      .where('change.tenant_id = :tenant and change.model_id = :modelId', { tenant, modelId })
      .orderBy('change.id', 'DESC')
      .limit(limit);
    if (before) query.andWhere('change.id < :before', { before });
    return query.getMany();
  }
}

/** Runs a query of versions that adds to each its files, and does not repeat a version for each file as a join does. */
async function withFiles(query: SelectQueryBuilder<ModelVersion>): Promise<VersionWithFiles[]> {
  const { entities, raw } = await query
    .addSelect(
      (files) =>
        files
          .select(`json_object_agg(file.name, json_build_object('sha256', file.sha256, 'size', file.size))`)
          .from(VersionFile, 'file')
          .where('file.tenant_id = version.tenant_id and file.version_id = version.id'),
      'files',
    )
    .getRawAndEntities<{ files: VersionFiles | null }>();
  return entities.map((version, at) => Object.assign(version, { files: raw[at]?.files ?? {} }));
}
