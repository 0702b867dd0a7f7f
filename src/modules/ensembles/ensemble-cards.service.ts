import { Injectable } from '@nestjs/common';
import { Problem } from '../../platform/errors/problem.js';
import { CertaintiesService } from '../models/certainty/certainties.service.js';
import type { CardMemberBody, CombinedCardBody } from '../models/model-card.dto.js';
import { ModelsService } from '../models/models.service.js';
import { VersionsService } from '../models/versions.service.js';
import type { LeaderboardBody } from './ensemble-fits.dto.js';
import type { EnsembleBody } from './ensembles.dto.js';
import { EnsemblesService } from './ensembles.service.js';
import { LeaderboardsService } from './leaderboards.service.js';

const FEW_ROWS = 100;

/** Model cards of ensembles: what is in them now, how that was chosen, and what to keep in mind. */
@Injectable()
export class EnsembleCards {
  constructor(
    private readonly ensembles: EnsemblesService,
    private readonly leaderboards: LeaderboardsService,
    private readonly certainties: CertaintiesService,
    private readonly models: ModelsService,
    private readonly versions: VersionsService,
  ) {}

  /** @throws Problem 404 where there is no such version of an ensemble */
  async make(tenant: string, modelId: string, version: string): Promise<CombinedCardBody> {
    const ensemble = await this.ensembles.get(tenant, modelId, version);
    const servable = await this.versions.servable(tenant, modelId, version);
    const registered = await this.models.version(tenant, modelId, version);
    const evaluation = await orNull(this.leaderboards.show(tenant, modelId, version));
    const calibration = await orNull(this.certainties.calibration(tenant, modelId, version));
    const members: CardMemberBody[] = [];
    for (const each of ensemble.members) {
      const model = await orNull(this.models.get(tenant, each.model_id));
      const { model_id, version: named, stage, answering_version, weight } = each;
      const model_name = model?.name ?? null;
      members.push({ model_id, model_name, version: named, stage, answering_version, weight });
    }
    const { method, strategy, threshold, fail_on_partial, min_models_required } = ensemble;
    const { signature, threshold: decides } = servable;
    const limits = limitsOf(ensemble, evaluation, calibration !== null);
    return {
      card_version: 1,
      model: { framework: 'ensemble', method, strategy, model_type: ensemble.model_type },
      target: {
        name: signature.target,
        labels: signature.output.type === 'classification' ? signature.output.labels : null,
      },
      data: { features: signature.inputs.map(({ name, type }) => ({ name, type })) },
      members,
      evaluation: evaluation && { ...evaluation },
      certainty: { calibration, threshold: decides },
      metrics: registered.metrics,
      importance: null,
      parameters: { fail_on_partial, min_models_required, confidence_of_cascade: threshold },
      limits,
      warnings: [...ensemble.warnings, ...(evaluation?.warnings ?? [])],
      lineage: { ...registered.lineage },
    };
  }
}

/** Sentences that hold for this ensemble, not for ensembles in general. */
function limitsOf(
  { members }: EnsembleBody,
  evaluation: LeaderboardBody | null,
  isCalibrated: boolean,
): string[] {
  const following = members.filter(({ version }) => version === null).length;
  const limits: string[] = [];
  if (following > 0)
    limits.push(
      `${following} of the ${members.length} members follow their models: this card is of what answers now, and another version may answer tomorrow.`,
    );
  if (!evaluation)
    limits.push(
      'How much each member counts was given and not learned: nothing here says that it is better than its best member.',
    );
  else {
    limits.push(
      'The losses are those of the rows by which it was learned: on fresh rows that of the ensemble is a little higher.',
    );
    if (evaluation.rows < FEW_ROWS)
      limits.push(`Only ${evaluation.rows} rows: the losses of the members are uncertain.`);
    const answering = new Set(members.map((each) => `${each.model_id} ${each.answering_version}`));
    const moved = evaluation.members.filter(
      ({ model_id, version }) => !answering.has(`${model_id} ${version}`),
    );
    if (moved.length > 0)
      limits.push(
        `${moved.length} of the members are answered by another version now than when it was learned.`,
      );
  }
  if (!isCalibrated)
    limits.push('It has no calibration, so that it answers no intervals or sets of classes.');
  limits.push('Importance is told of its members, by their own cards.');
  return limits;
}

/** null where there is none. */
async function orNull<T>(found: Promise<T>): Promise<T | null> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}
