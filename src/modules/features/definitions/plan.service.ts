import { Injectable, type Type } from '@nestjs/common';
import { Database, type TenantScope } from '../../../platform/database/database.js';
import { fieldsProblem, invalid, Problem } from '../../../platform/errors/problem.js';
import { BodyValidationPipe } from '../../../platform/http/body-validation.pipe.js';
import { FeatureVersionsService } from '../../models/feature-versions.service.js';
import { TenantFeatures } from '../catalog/tenant-features.js';
import { type Decision, Decisions, type NewVersionNeeded } from './decisions.service.js';
import { PutEntityDto, PutServiceDto, PutViewDto } from './definitions.dto.js';
import { DefinitionsRepository } from './definitions.repository.js';
import { MOST_VERSIONS, toModelVersions } from './lineage.service.js';
import type { BreaksBody, PlanBody, PlannedDefinitionBody } from './plan.dto.js';
import { type Readers, readersOfVersion } from './readers.js';

const KINDS = ['entities', 'views', 'services'] as const;
const MOST_DEFINITIONS = 500;

/** Definitions by name, as requests hold them. */
type Given = Record<(typeof KINDS)[number], [name: string, body: unknown][]>;

/** Says what a set of definitions would change and break, and changes nothing. */
@Injectable()
export class PlanService {
  private readonly bodies = new BodyValidationPipe();

  constructor(
    private readonly database: Database,
    private readonly definitions: DefinitionsRepository,
    private readonly decisions: Decisions,
    private readonly versions: FeatureVersionsService,
  ) {}

  /**
   * Looks at the definitions as if they were put in turn: entities, views, services.
   * @param body `entities`, `views` and `services`, each an object of definitions by name
   * @throws Problem 400 for what is no such body
   */
  plan(tenant: string, body: object | null | undefined): Promise<PlanBody> {
    const given = readGiven(body);
    return this.database.asTenant(tenant, async (scope) => {
      let known = TenantFeatures.of(await this.definitions.all(scope), 0);
      const before = known;
      const needed: NewVersionNeeded[] = [];
      const entities = await inTurn(
        given.entities,
        async (name, dto) => this.decisions.entity(name, await this.read(dto, PutEntityDto), known),
        (entity) => (known = known.withEntity(entity)),
      );
      const views = await inTurn(
        storedFirst(given.views),
        async (name, dto) => {
          const decision = await this.decisions.view(tenant, name, await this.read(dto, PutViewDto), known);
          if (decision.action === 'new_version') needed.push(decision);
          return decision;
        },
        (view) => (known = known.withView(view)),
      );
      const services = await inTurn(
        given.services,
        async (name, dto) => this.decisions.service(name, await this.read(dto, PutServiceDto), known),
        (service) => (known = known.withService(service)),
      );
      const asGiven = given.views.map(([name]) => views.find((view) => view.name === name)!);
      const breaks = await this.breaks(scope, needed, before);
      return { entities, views: asGiven, services, breaks };
    });
  }

  private read<Dto extends object>(body: unknown, metatype: Type<Dto>): Promise<Dto> {
    return this.bodies.transform(body, { type: 'body', metatype }) as Promise<Dto>;
  }

  private async breaks(
    scope: TenantScope,
    needed: readonly NewVersionNeeded[],
    known: TenantFeatures,
  ): Promise<BreaksBody> {
    const readers = needed.map((each) => readersOfVersion(each.before, known, touchedBy(each)));
    if (readers.length === 0) return { services: [], model_versions: [], model_version_count: 0 };
    const references = readers.map(({ pattern }) => pattern).join('|');
    const { count, versions } = await this.versions.inUse(scope, { references }, MOST_VERSIONS);
    return {
      services: brokenServices(readers, new RegExp(references)),
      model_versions: toModelVersions(versions),
      model_version_count: count,
    };
  }
}

/** @throws Problem 400 */
function readGiven(body: object | null | undefined): Given {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw invalid('', 'the body must be a JSON object');
  const fields = Object.entries(body as Record<string, unknown>);
  const errors = fields.flatMap(([field, definitions]) => {
    const pointer = `/${field}`;
    if (!(KINDS as readonly string[]).includes(field)) return [{ pointer, message: 'is not a known field' }];
    if (typeof definitions === 'object' && definitions !== null && !Array.isArray(definitions)) return [];
    return [{ pointer, message: 'must be an object of definitions by name' }];
  });
  if (errors.length > 0) throw fieldsProblem('INVALID_REQUEST', errors);
  const entriesOf = (kind: string) => Object.entries((body as Record<string, object>)[kind] ?? {});
  const given = {
    entities: entriesOf('entities'),
    views: entriesOf('views'),
    services: entriesOf('services'),
  };
  const count = given.entities.length + given.views.length + given.services.length;
  if (count > MOST_DEFINITIONS)
    throw invalid('', `must not hold more than ${MOST_DEFINITIONS} definitions, holds ${count}`);
  return given;
}

/** Views on demand may read the stored ones of the same set. */
function storedFirst(views: Given['views']): Given['views'] {
  const isOnDemand = ([, body]: Given['views'][number]) =>
    typeof body === 'object' && body !== null && 'inputs' in body;
  return [...views.filter((view) => !isOnDemand(view)), ...views.filter(isOnDemand)];
}

/**
 * What becomes of each definition.
 * @param keep takes a definition that those behind it find
 */
async function inTurn<Definition>(
  definitions: readonly (readonly [name: string, body: unknown])[],
  decide: (name: string, body: unknown) => Promise<Decision<Definition> | NewVersionNeeded>,
  keep: (definition: Definition) => unknown,
): Promise<PlannedDefinitionBody[]> {
  const planned: PlannedDefinitionBody[] = [];
  for (const [name, body] of definitions) {
    try {
      const decision = await decide(name, body);
      if (decision.action !== 'new_version') keep(decision.definition);
      planned.push(toPlanned(name, decision));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      const reasons = error.extra.errors ?? [{ pointer: '', message: error.detail }];
      planned.push({ name, action: 'invalid', reasons: [...reasons] });
    }
  }
  return planned;
}

function toPlanned(name: string, decision: Decision<unknown> | NewVersionNeeded): PlannedDefinitionBody {
  const { action } = decision;
  if (action === 'change') return { name, action, fields: [...decision.fields] };
  if (action !== 'new_version') return { name, action };
  const { before, version, incompatible } = decision;
  const reasons = incompatible.map(({ pointer, message }) => ({ pointer, message }));
  return { name, action, reasons, put_as: `${before.name}@v${version}` };
}

/** Features that the changes touch; null for all. */
function touchedBy({ incompatible }: NewVersionNeeded): string[] | null {
  const touched = incompatible.map(({ features }) => features);
  return touched.includes(null) ? null : touched.flatMap((features) => features ?? []);
}

function brokenServices(readers: readonly Readers[], references: RegExp): BreaksBody['services'] {
  const services = new Set(readers.flatMap((each) => each.services));
  return [...services].map(({ name, features }) => ({
    name,
    features: features.flatMap(({ reference }) => (references.test(reference) ? [reference] : [])),
  }));
}
