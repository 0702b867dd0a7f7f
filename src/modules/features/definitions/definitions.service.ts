import { Injectable } from '@nestjs/common';
import { FeatureDefinitionsConfig } from '../../../config/index.js';
import type { Identity } from '../../../platform/auth/identity.js';
import { Database, type TenantScope } from '../../../platform/database/database.js';
import { Problem } from '../../../platform/errors/problem.js';
import { FeatureVersionsService } from '../../models/feature-versions.service.js';
import { FeatureCatalog } from '../catalog/feature-catalog.js';
import { TenantFeatures } from '../catalog/tenant-features.js';
import { Decisions, refuseIncompatible } from './decisions.service.js';
import { DefinitionReads, notFound } from './definition-reads.service.js';
import type { EntityBody, ServiceBody, ViewBody } from './definition-bodies.dto.js';
import { nameOf, parseViewReference, type View } from './definitions.js';
import type { PutEntityDto, PutServiceDto, PutViewDto } from './definitions.dto.js';
import { DefinitionsRepository } from './definitions.repository.js';
import { followersOf, lostFeatures, type Readers, readersOfVersion, readersOfView } from './readers.js';

/** Users that an answer names. */
const MOST_NAMED = 3;

/** A definition as it is now, and whether it is a new one. */
export interface Put<Body> {
  readonly isNew: boolean;
  readonly body: Body;
}

/** Changes definitions of features. Those of a tenant change one after the other. */
@Injectable()
export class DefinitionsService {
  constructor(
    private readonly database: Database,
    private readonly definitions: DefinitionsRepository,
    private readonly decisions: Decisions,
    private readonly reads: DefinitionReads,
    private readonly catalog: FeatureCatalog,
    private readonly versions: FeatureVersionsService,
    private readonly config: FeatureDefinitionsConfig,
  ) {}

  /** @throws Problem as `Decisions.entity`, 422 past the limit of definitions */
  putEntity({ tenant, subject }: Identity, name: string, dto: PutEntityDto): Promise<Put<EntityBody>> {
    return this.change(tenant, async (scope, known) => {
      const { action, definition } = this.decisions.entity(name, dto, known);
      if (action === 'create') this.refusePastLimit(known);
      if (action !== 'unchanged') {
        await this.definitions.putEntity(scope, definition, subject);
        await this.catalog.noteChange(scope);
      }
      return { isNew: action === 'create', body: await this.reads.entityIn(scope, name) };
    });
  }

  /**
   * @param reference name of a view, or name@v2 of one version
   * @throws Problem as `Decisions.view`, 409 naming every incompatible change, 422 past the limit of definitions
   */
  putView({ tenant, subject }: Identity, reference: string, dto: PutViewDto): Promise<Put<ViewBody>> {
    return this.change(tenant, async (scope, known) => {
      const decision = await this.decisions.view(tenant, reference, dto, known);
      if (decision.action === 'new_version') return refuseIncompatible(decision);
      const { action, definition: view } = decision;
      if (action === 'create') {
        this.refusePastLimit(known);
        await this.definitions.insertView(scope, view, !known.views.has(view.name), subject);
      } else if (action === 'change') {
        await this.definitions.updateView(scope, view, decision.isToBeRead);
      }
      if (action !== 'unchanged') await this.catalog.noteChange(scope);
      return { isNew: action === 'create', body: await this.reads.viewIn(scope, view.name, view.version) };
    });
  }

  /** @throws Problem as `Decisions.service`, 422 past the limit of definitions */
  putService({ tenant, subject }: Identity, name: string, dto: PutServiceDto): Promise<Put<ServiceBody>> {
    return this.change(tenant, async (scope, known) => {
      const { action, definition } = this.decisions.service(name, dto, known);
      if (action === 'create') this.refusePastLimit(known);
      if (action !== 'unchanged') {
        await this.definitions.putService(scope, definition, subject);
        await this.catalog.noteChange(scope);
      }
      return { isNew: action === 'create', body: await this.reads.serviceIn(scope, name, known) };
    });
  }

  /** @throws Problem 404; 409 naming the views that have it */
  deleteEntity(tenant: string, name: string): Promise<void> {
    return this.change(tenant, async (scope, known) => {
      if (!known.entities.has(name)) notFound('entity', name);
      refuseUsed(`The entity ${name} is one of views`, known.viewsOf(name).map(nameOf));
      await this.definitions.deleteEntity(scope, name);
      await this.catalog.noteChange(scope);
    });
  }

  /**
   * Deletes a view or, by name@v2, one version that is not the current one of several.
   * @throws Problem 404; 409 naming what reads it
   */
  deleteView(tenant: string, reference: string): Promise<void> {
    return this.change(tenant, async (scope, known) => {
      const { name, version, versions } = this.found(reference, known);
      const isWhole = version === null || versions.versions.size === 1;
      if (!isWhole && version === versions.current.version)
        throw new Problem(
          'FEATURE_CONFLICT',
          `${reference} is the current version of the view ${name}: promote another one first, or delete the whole view.`,
        );
      const readers = isWhole
        ? readersOfView(name, known)
        : readersOfVersion(versions.versions.get(version)!, known);
      await this.refuseRead(scope, `The view ${isWhole ? name : reference} is read`, readers);
      await this.definitions.deleteView(scope, name, isWhole ? null : version);
      await this.catalog.noteChange(scope);
    });
  }

  /** @throws Problem 404; 409 naming the versions of models that take its features */
  deleteService(tenant: string, name: string): Promise<void> {
    return this.change(tenant, async (scope, known) => {
      if (!known.services.has(name)) notFound('feature service', name);
      const { count, versions } = await this.versions.inUse(scope, { service: name }, MOST_NAMED);
      refuseUsed(`Features of the service ${name} are taken`, versions.map(nameOfVersion), count);
      await this.definitions.deleteService(scope, name);
      await this.catalog.noteChange(scope);
    });
  }

  /**
   * Lets the name of a view read another version from now on.
   * @param reference name@v2
   * @throws Problem 400 without a version, 404; 409 before the version has been materialized, or where something reads a
   *   feature by the view's name that it lacks
   */
  promote(tenant: string, reference: string): Promise<ViewBody> {
    return this.change(tenant, async (scope, known) => {
      const { name, version, versions } = this.found(reference, known);
      if (version === null)
        throw new Problem(
          'INVALID_REQUEST',
          `Say which version of the view ${name} is to be promoted: ${name}@v2.`,
        );
      const next = versions.versions.get(version)!;
      if (next !== versions.current) {
        const { online } = await this.reads.viewIn(scope, name, version);
        if (online?.materialized_at === null)
          throw new Problem(
            'FEATURE_CONFLICT',
            `${reference} has no online values yet: materialize it first, POST /api/v1/features/materialize.`,
          );
        await this.refuseLoss(scope, versions.current, next, known);
        await this.definitions.makeCurrent(scope, name, version);
        await this.catalog.noteChange(scope);
      }
      return this.reads.viewIn(scope, name, version);
    });
  }

  /** One change of a tenant's definitions at a time sees them as they are. */
  private change<T>(
    tenant: string,
    work: (scope: TenantScope, known: TenantFeatures) => Promise<T>,
  ): Promise<T> {
    return this.database.asTenant(tenant, async (scope) => {
      await this.definitions.lock(scope);
      return work(scope, TenantFeatures.of(await this.definitions.all(scope), 0));
    });
  }

  private found(reference: string, known: TenantFeatures) {
    const parsed = parseViewReference(reference);
    const versions = parsed && known.views.get(parsed.view);
    if (!versions || (parsed.version !== null && !versions.versions.has(parsed.version)))
      return notFound('view', reference);
    return { name: parsed.view, version: parsed.version, versions };
  }

  private refusePastLimit({ entities, views, services }: TenantFeatures): void {
    const { mostOfTenant } = this.config;
    const versions = [...views.values()].reduce((sum, view) => sum + view.versions.size, 0);
    if (entities.size + versions + services.size < mostOfTenant) return;
    throw new Problem(
      'VALIDATION_ERROR',
      `The tenant has ${mostOfTenant} definitions of features, as many as it may; delete one first.`,
    );
  }

  /** Whoever reads features by the view's name goes on with those of `next`, which must have them. */
  private async refuseLoss(
    scope: TenantScope,
    current: View,
    next: View,
    known: TenantFeatures,
  ): Promise<void> {
    const lost = lostFeatures(current, next);
    if (lost.length === 0) return;
    const fault = `${nameOf(next)} lacks ${lost.join(', ')} of ${nameOf(current)}, or has another type of it, and it is read by its name`;
    await this.refuseRead(scope, fault, followersOf(current.name, known, lost));
  }

  private async refuseRead(scope: TenantScope, fault: string, readers: Readers): Promise<void> {
    const { count, versions } = await this.versions.inUse(scope, { references: readers.pattern }, MOST_NAMED);
    const definitions = [
      ...readers.views.map(nameOf),
      ...readers.services.map(({ name }) => `the service ${name}`),
    ];
    const users = [...definitions, ...versions.map(nameOfVersion)];
    refuseUsed(fault, users, definitions.length + count);
  }
}

/**
 * @param fault what stands in the way of the change, as the beginning of a sentence that ends with the users
 * @param count how many users there are, of whom `users` are some
 */
function refuseUsed(fault: string, users: readonly string[], count = users.length): void {
  if (users.length === 0) return;
  const more = count > users.length ? ` and ${count - users.length} more` : '';
  throw new Problem('FEATURE_CONFLICT', `${fault}: ${users.join(', ')}${more}.`);
}

function nameOfVersion({ model, version }: { model: string; version: string }): string {
  return `version ${version} of the model ${model}`;
}
