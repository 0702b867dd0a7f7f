import { Injectable } from '@nestjs/common';
import type { TenantScope } from '../../../platform/database/database.js';
import { VersionCertainty } from './version-certainty.entity.js';

export type CertaintyFacts = Pick<VersionCertainty, 'calibration' | 'thresholdCurve' | 'threshold'>;

const UNKNOWN: CertaintyFacts = { calibration: null, thresholdCurve: null, threshold: null };

/** SQL of what is known beside the versions of one tenant. */
@Injectable()
export class CertaintiesRepository {
  async find({ manager, tenant }: TenantScope, versionId: string): Promise<CertaintyFacts> {
    return (await manager.findOneBy(VersionCertainty, { tenantId: tenant, versionId })) ?? UNKNOWN;
  }

  /** Replaces the facts that are given, and leaves the others as they are. */
  async set(
    { manager, tenant }: TenantScope,
    versionId: string,
    facts: Partial<CertaintyFacts>,
  ): Promise<void> {
    await manager.upsert(VersionCertainty, { tenantId: tenant, versionId, ...facts } as never, [
      'tenantId',
      'versionId',
    ]);
  }
}
