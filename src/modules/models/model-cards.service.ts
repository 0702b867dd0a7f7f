import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { Problem } from '../../platform/errors/problem.js';
import { Artifacts } from '../../platform/storage/artifacts.js';
import { CombinedVersions } from './combined-versions.service.js';
import type { Model, VersionFileName } from './model.entity.js';
import type { ModelCardBody } from './model-card.dto.js';
import { ModelFinder } from './model-finder.js';
import type { VersionWithFiles } from './models.repository.js';
import { formatVersion } from './version-number.js';

type RegisteredVersion = Pick<
  ModelCardBody,
  'model_id' | 'model_name' | 'version' | 'stage' | 'created_by' | 'created_at'
>;

const MOST_BYTES = 2 ** 24;

/**
 * Model cards: written by the trainer and kept as they are, or made of the members of an ensemble; shown with what the
 * registry knows of the version.
 */
@Injectable()
export class ModelCardsService {
  constructor(
    private readonly database: Database,
    private readonly finder: ModelFinder,
    private readonly artifacts: Artifacts,
    private readonly combined: CombinedVersions,
  ) {}

  /** @throws Problem 404 where there is no such version, or it has no card */
  async json(tenant: string, reference: string, number: string): Promise<ModelCardBody> {
    const { model, version } = await this.find(tenant, reference, number);
    const card = isCombined(version)
      ? (await this.combined.make.card(tenant, model.id, number)).json
      : (JSON.parse(await this.read(tenant, version, 'card')) as object);
    return {
      model_id: model.id,
      model_name: model.name,
      version: formatVersion(version),
      stage: version.stage,
      created_by: version.createdBy,
      created_at: version.createdAt.toISOString(),
      ...(card as Omit<ModelCardBody, keyof RegisteredVersion>),
    };
  }

  /** @throws Problem 404 where there is no such version, or it has no card */
  async markdown(tenant: string, reference: string, number: string): Promise<string> {
    const { model, version } = await this.find(tenant, reference, number);
    const card = isCombined(version)
      ? (await this.combined.make.card(tenant, model.id, number)).page
      : await this.read(tenant, version, 'card_markdown');
    const made = `Made by ${version.createdBy} on ${version.createdAt.toISOString()}; stage: ${version.stage}.`;
    return `# ${model.name} ${formatVersion(version)}\n\n${made}\n\n${card}`;
  }

  private find(
    tenant: string,
    reference: string,
    number: string,
  ): Promise<{ model: Model; version: VersionWithFiles }> {
    return this.database.asTenant(tenant, async (scope) => {
      const model = await this.finder.find(scope, reference);
      return { model, version: await this.finder.findVersion(scope, model, number) };
    });
  }

  private async read(tenant: string, version: VersionWithFiles, name: VersionFileName): Promise<string> {
    const file = version.files[name];
    if (!file) {
      const why = version.filledAt === null ? 'has no artifact yet' : 'was not trained here';
      throw new Problem('NOT_FOUND', `Version ${formatVersion(version)} ${why}, so it has no model card.`);
    }
    return (await this.artifacts.read(tenant, file.sha256, MOST_BYTES)).toString('utf8');
  }
}

function isCombined({ filledAt, origin }: VersionWithFiles): boolean {
  return filledAt !== null && origin === 'combined';
}
