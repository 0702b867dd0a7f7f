import { Injectable } from '@nestjs/common';
import type { MetaModel } from '#libs/inference';
import { Database, type TenantScope } from '../../platform/database/database.js';
import { Problem } from '../../platform/errors/problem.js';
import { CertaintiesService, type LabelledFiles } from '../models/certainty/certainties.service.js';
import { EnsembleVersionsService } from '../models/ensemble-versions.service.js';
import type {
  EnsembleDefinition,
  EnsembleMethod,
  EvaluatedMember,
  FittedData,
} from '../models/model.entity.js';
import { VersionsService } from '../models/versions.service.js';
import type { ResolvedVersion } from '../serving/serving.service.js';
import { meanOf } from './ensemble-drafts.js';
import type { EnsembleFitSpec, FittedEnsemble } from './ensemble-fit-job.js';
import type { LeaderboardBody } from './ensemble-fits.dto.js';

/** What a fit has found, of what and by which rows. */
export interface Fit {
  readonly spec: EnsembleFitSpec;
  /** The ensemble, with the versions that answered for its members. */
  readonly scored: Extract<ResolvedVersion, { members: readonly ResolvedVersion[] }>;
  /** Whether it answered nothing when its members were scored. */
  readonly isDraft: boolean;
  readonly files: LabelledFiles;
  readonly fitted: FittedEnsemble;
  readonly jobId: string;
  readonly by: string;
}

/** Keeps what a fit learned as the next version of an ensemble, and shows by what it was learned. */
@Injectable()
export class LeaderboardsService {
  constructor(
    private readonly database: Database,
    private readonly ensembles: EnsembleVersionsService,
    private readonly versions: VersionsService,
    private readonly certainties: CertaintiesService,
  ) {}

  /**
   * Makes the next version of the ensemble, or fills the first, with what was learned and all else as before.
   * @throws Problem 404, 409 where the ensemble has got another version since its members were scored
   */
  async keep(
    scope: TenantScope,
    { spec, scored, isDraft, files, fitted, jobId, by }: Fit,
  ): Promise<LeaderboardBody> {
    const { model, newest } = await this.ensembles.lock(scope, spec.model_id);
    if (newest.number !== spec.version || (newest.signature === null) !== isDraft) {
      const detail = `The ensemble ${model.name} has got version ${newest.number} since its members were scored; fit that one.`;
      throw new Problem('STAGE_CONFLICT', detail);
    }
    const { meta, ...evaluation } = fitted;
    const members: EvaluatedMember[] = [];
    for (const [at, { servable }] of scored.members.entries()) {
      const { modelId: model_id, version } = servable;
      const has_seen_rows = await this.certainties.hasSeen(scope, model_id, version, files);
      members.push({ model_id, version, ...evaluation.members[at]!, has_seen_rows });
    }
    const { validation_path, target_column, method, rounds, folds } = spec;
    const table = { validation_path, target_column, train_files: files };
    const data: FittedData = { ...table, method, rounds, folds, evaluation: { ...evaluation, members } };
    const { ensemble, signature } = scored.servable;
    const mean = meanOf(model.modelType);
    const version = await this.versions.publishEnsemble(scope, model, {
      createdBy: by,
      signature,
      definition: meta ? stacked(ensemble, meta) : weighted(ensemble, mean, members),
      fit: { jobId, data, metrics: { [`fit_${evaluation.metric}`]: evaluation.loss } },
    });
    return toLeaderboard(model.id, version, data);
  }

  /**
   * @param version of the ensemble; undefined for the newest whose weights were learned
   * @throws Problem 404, also where the weights were not learned
   */
  show(tenant: string, reference: string, version: string | undefined): Promise<LeaderboardBody> {
    return this.database.asTenant(tenant, async (scope) => {
      const { modelId, number, fit } = await this.ensembles.findFitted(scope, reference, version);
      return toLeaderboard(modelId, number, fit);
    });
  }
}

function stacked(definition: EnsembleDefinition, meta: MetaModel): EnsembleDefinition {
  const members = definition.members.map((member) => ({ ...member, weight: 1 }));
  return { ...definition, method: 'stacking', fail_on_partial: true, members, meta };
}

function weighted(
  { meta: _, ...definition }: EnsembleDefinition,
  method: EnsembleMethod,
  learned: readonly EvaluatedMember[],
): EnsembleDefinition {
  const members = definition.members.map((member, at) => ({ ...member, weight: learned[at]!.weight! }));
  return { ...definition, method, members };
}

function toLeaderboard(ensemble_id: string, version: string, data: FittedData): LeaderboardBody {
  const { validation_path, target_column, method, evaluation } = data;
  const members = [...evaluation.members].sort((one, other) => one.loss - other.loss);
  const named = (of: typeof members) => of.map((each) => `${each.model_id} ${each.version}`).join(', ');
  const seen = members.filter(({ has_seen_rows, is_out_of_fold }) => has_seen_rows && !is_out_of_fold);
  const idle = members.filter(({ weight }) => weight === 0);
  return {
    ensemble_id,
    version,
    validation_path,
    target_column,
    method,
    ...evaluation,
    members,
    warnings: [
      ...(seen.length > 0
        ? [
            `${seen.length} of the members were trained on some of these files (${named(seen)}): they count for more, and the losses are lower, than fresh rows would give.`,
          ]
        : []),
      ...(idle.length > 0
        ? [
            `${idle.length} of the members got the weight 0 (${named(idle)}): they are asked, and count for nothing; PATCH the ensemble without them to have it answer faster.`,
          ]
        : []),
    ],
  };
}
