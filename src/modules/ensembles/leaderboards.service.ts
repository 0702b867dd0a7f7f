import { Injectable } from '@nestjs/common';
import { Database, type TenantScope } from '../../platform/database/database.js';
import { Problem } from '../../platform/errors/problem.js';
import { CertaintiesService, type LabelledFiles } from '../models/certainty/certainties.service.js';
import { EnsembleVersionsService } from '../models/ensemble-versions.service.js';
import type { EvaluatedMember, FittedData } from '../models/model.entity.js';
import { type ServableVersion, VersionsService } from '../models/versions.service.js';
import type { EnsembleFitSpec, FittedWeights } from './ensemble-fit-job.js';
import type { LeaderboardBody } from './ensemble-fits.dto.js';

/** What a fit has found, of what and by which rows. */
export interface Fit {
  readonly spec: EnsembleFitSpec;
  /** The versions that answered for the members, in their order. */
  readonly answered: readonly Pick<ServableVersion, 'modelId' | 'version'>[];
  readonly files: LabelledFiles;
  readonly weights: FittedWeights;
  readonly jobId: string;
  readonly by: string;
}

/** Keeps learned weights as the next version of an ensemble, and shows by what they were learned. */
@Injectable()
export class LeaderboardsService {
  constructor(
    private readonly database: Database,
    private readonly ensembles: EnsembleVersionsService,
    private readonly versions: VersionsService,
    private readonly certainties: CertaintiesService,
  ) {}

  /**
   * Makes the next version of the ensemble, with these weights and all else as before.
   * @throws Problem 404, 409 where the ensemble has got another version since its members were scored
   */
  async keep(
    scope: TenantScope,
    { spec, answered, files, weights, jobId, by }: Fit,
  ): Promise<LeaderboardBody> {
    const { model, newest } = await this.ensembles.lock(scope, spec.model_id);
    if (newest.number !== spec.version) {
      const detail = `The ensemble ${model.name} has got version ${newest.number} since the members of ${spec.version} were scored; fit that one.`;
      throw new Problem('STAGE_CONFLICT', detail);
    }
    const members: EvaluatedMember[] = [];
    for (const [at, { modelId: model_id, version }] of answered.entries()) {
      const has_seen_rows = await this.certainties.hasSeen(scope, model_id, version, files);
      members.push({ model_id, version, ...weights.members[at]!, has_seen_rows });
    }
    const { validation_path, target_column, rounds } = spec;
    const evaluation = { ...weights, members };
    const data: FittedData = { validation_path, target_column, train_files: files, rounds, evaluation };
    const version = await this.versions.publishEnsemble(scope, model, {
      createdBy: by,
      signature: newest.signature,
      definition: {
        ...newest.definition,
        members: newest.definition.members.map((member, at) => ({
          ...member,
          weight: members[at]!.weight,
        })),
      },
      fit: { jobId, data, metrics: { [`fit_${weights.metric}`]: weights.loss } },
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

function toLeaderboard(ensemble_id: string, version: string, data: FittedData): LeaderboardBody {
  const { validation_path, target_column, evaluation } = data;
  const members = [...evaluation.members].sort((one, other) => one.loss - other.loss);
  const named = (of: typeof members) => of.map((each) => `${each.model_id} ${each.version}`).join(', ');
  const seen = members.filter(({ has_seen_rows }) => has_seen_rows);
  const idle = members.filter(({ weight }) => weight === 0);
  return {
    ensemble_id,
    version,
    validation_path,
    target_column,
    ...evaluation,
    members,
    warnings: [
      ...(seen.length > 0
        ? [
            `${seen.length} of the members were trained on some of these files (${named(seen)}): they got more weight, and the losses are lower, than fresh rows would give.`,
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
