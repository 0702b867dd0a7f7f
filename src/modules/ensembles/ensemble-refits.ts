import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { Problem } from '../../platform/errors/problem.js';
import { CertaintiesService, type LabelledFiles } from '../models/certainty/certainties.service.js';
import { VersionsService } from '../models/versions.service.js';
import type { ResolvedVersion } from '../serving/serving.service.js';
import { RefitsService } from '../training/refits.service.js';

/** A labelled table, by its files and the column of its truth. */
interface Table {
  readonly files: LabelledFiles;
  readonly target: string;
}

/** Members that a fit trains again without a part of the rows each time: `refits` of contracts/labelled-spec.v1. */
@Injectable()
export class EnsembleRefits {
  constructor(
    private readonly database: Database,
    private readonly versions: VersionsService,
    private readonly certainties: CertaintiesService,
    private readonly trainings: RefitsService,
  ) {}

  /** Those of the members that were trained here on the rows of the table, on all of them and no others. */
  async find(tenant: string, members: readonly ResolvedVersion[], table: Table): Promise<object[]> {
    const refits: object[] = [];
    for (const [member, { servable }] of members.entries()) {
      const { modelId, version } = servable;
      const trained = await this.database.asTenant(tenant, async (scope) =>
        (await this.certainties.hasSeen(scope, modelId, version, table.files))
          ? this.versions.trainingOf(scope, modelId, version)
          : undefined,
      );
      const training = trained && (await this.trainingOn(tenant, trained.jobId, table));
      if (training) refits.push({ member, best_round: trained.bestRound, training });
    }
    return refits;
  }

  private async trainingOn(tenant: string, jobId: string, table: Table): Promise<object | undefined> {
    try {
      const { files, targetColumn, training } = await this.trainings.find(tenant, jobId);
      return targetColumn === table.target && areSame(files, table.files) ? training : undefined;
    } catch (error) {
      // What is not there any more cannot be trained again; that the member knows the rows is told all the same.
      if (error instanceof Problem) return undefined;
      throw error;
    }
  }
}

function areSame(some: LabelledFiles, others: LabelledFiles): boolean {
  return (
    some.length === others.length &&
    some.every(({ uri, size_bytes }, at) => uri === others[at]!.uri && size_bytes === others[at]!.size_bytes)
  );
}
