import { Problem } from '../../platform/errors/problem.js';
import type { VersionState } from './default-version.js';
import type { VersionImportanceBody } from './importance.dto.js';
import type { Model, ModelVersion, StageChange } from './model.entity.js';
import type { ModelBody, StageChangeBody, VersionBody, VersionSummaryBody } from './models.dto.js';
import type { VersionWithFiles } from './models.repository.js';
import { FIRST_VERSION, formatVersion } from './version-number.js';

/** @param shown the version of which stage and framework are shown; undefined for a model without any */
export function toModelBody(model: Model, shown: VersionState | undefined): ModelBody {
  return {
    model_id: model.id,
    name: model.name,
    tenant_id: model.tenantId,
    description: model.description,
    model_type: model.modelType,
    framework: shown?.framework ?? model.framework,
    tags: model.tags,
    current_version: formatVersion(shown ?? FIRST_VERSION),
    stage: shown?.stage ?? 'development',
    created_at: model.createdAt.toISOString(),
    updated_at: model.updatedAt.toISOString(),
  };
}

export function toVersionSummary(version: VersionWithFiles): VersionSummaryBody {
  const { model } = version.files;
  return {
    version: formatVersion(version),
    stage: version.stage,
    framework: version.framework,
    framework_version: version.frameworkVersion,
    ready: version.filledAt !== null,
    metrics: version.metrics,
    artifact: model ? { size_bytes: model.size, sha256: model.sha256 } : null,
    created_at: version.createdAt.toISOString(),
  };
}

/** @param threshold of the version, where it has one */
export function toVersionBody(version: VersionWithFiles, threshold: number | null): VersionBody {
  return {
    ...toVersionSummary(version),
    model_id: version.modelId,
    origin: version.filledAt === null ? null : version.origin,
    signature: version.signature as unknown as Record<string, unknown> | null,
    parameters: version.parameters,
    threshold,
    importance: version.importance,
    lineage: { job_id: version.jobId, data: version.data },
    created_by: version.createdBy,
  };
}

/** @throws Problem 404 where it was not measured */
export function toImportanceBody(version: ModelVersion): VersionImportanceBody {
  const { importance, modelId: model_id } = version;
  const number = formatVersion(version);
  if (importance === null) {
    const why = reasonForNoImportance(version);
    throw new Problem('NOT_FOUND', `Version ${number} ${why}, so that its importance was not measured.`);
  }
  return { model_id, version: number, ...importance };
}

function reasonForNoImportance({ filledAt, origin }: ModelVersion): string {
  if (filledAt === null) return 'has no artifact yet';
  return origin === 'trained' ? 'was trained with importance: none' : 'was not trained here';
}

export function toStageChangeBody(change: StageChange): StageChangeBody {
  return {
    version: change.version,
    from_stage: change.fromStage,
    to_stage: change.toStage,
    reason: change.reason,
    changed_by: change.changedBy,
    changed_at: change.changedAt.toISOString(),
  };
}
