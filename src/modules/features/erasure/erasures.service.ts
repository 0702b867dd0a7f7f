import { Injectable } from '@nestjs/common';
import { entityKeyParts, entityKeyReader, type KeyColumn, UnfitKey } from '#libs/features';
import type { Identity } from '../../../platform/auth/identity.js';
import { Database } from '../../../platform/database/database.js';
import { invalid, Problem } from '../../../platform/errors/problem.js';
import { JobsService } from '../../../platform/jobs/jobs.service.js';
import { FeatureCatalog } from '../catalog/feature-catalog.js';
import { notFound } from '../definitions/definition-reads.service.js';
import { HISTORICAL } from '../historical/historical-job.js';
import { MATERIALIZATION } from '../materialization/materialization-job.js';
import { FeatureRunsRepository } from '../runs/feature-runs.repository.js';
import { ERASURE } from './erasure-job.js';
import type { SubmittedErasureBody } from './erasure.dto.js';

/** Erasures as their tenant submits them. */
@Injectable()
export class ErasuresService {
  constructor(
    private readonly database: Database,
    private readonly jobs: JobsService,
    private readonly catalog: FeatureCatalog,
    private readonly runs: FeatureRunsRepository,
  ) {}

  /**
   * Submits a job, unless one is open that reads files of features: it could bring back what is being erased.
   * @param keyText the key, or of several columns the text that `entityKeyReader` makes of them
   * @param idColumn feature that holds the id in the prediction log
   * @throws Problem 400 for a key that none of the entity can have, 404, 409 with the id of that job
   */
  async submit(
    caller: Identity,
    entity: string,
    keyText: string,
    idColumn: string | undefined,
  ): Promise<SubmittedErasureBody> {
    const { tenant } = caller;
    const known = await this.catalog.of(tenant);
    const { keys } = known.entities.get(entity) ?? notFound('entity', entity);
    if (idColumn !== undefined && keys.length > 1)
      throw invalid('id_column', `is for entities with one key column; ${entity} has ${keys.length}`);
    const spec = { entity, key: readKey(keyText, keys), id_column: idColumn ?? null };
    return this.database.inOneTransaction(tenant, async (scope) => {
      await this.runs.lockSubmissions(scope);
      const open = [
        ...(await this.jobs.open(tenant, MATERIALIZATION)),
        ...(await this.jobs.open(tenant, HISTORICAL)),
      ];
      if (open[0])
        throw new Problem(
          'JOB_STATE_CONFLICT',
          `The job ${open[0].id} reads files of features; wait for its end, or cancel it.`,
        );
      const { id, status } = await this.jobs.submit(tenant, ERASURE, { spec, by: caller });
      return { job_id: id, status };
    });
  }
}

/** @throws Problem 400 */
function readKey(text: string, columns: readonly KeyColumn[]): Record<string, string> {
  const parts = entityKeyParts(text, columns.length);
  if (!parts)
    throw invalid(
      'key',
      `must be the values of ${columns.map(({ name }) => name).join(', ')} in a row, each but the last behind its length in bytes and a colon, such as 5:hello42`,
    );
  const key = Object.fromEntries(columns.map(({ name }, at) => [name, parts[at]!]));
  try {
    entityKeyReader(columns)(key);
  } catch (error) {
    if (error instanceof UnfitKey) throw invalid('key', error.message);
    throw error;
  }
  return key;
}
