import { Injectable } from '@nestjs/common';
import type { ClassificationOutput, SignatureDefinition } from '#libs/inference';
import { highestCoverage, pointsOf } from '#libs/statistics';
import type { Identity } from '../../../platform/auth/identity.js';
import { Database, type TenantScope } from '../../../platform/database/database.js';
import { Problem, unfit } from '../../../platform/errors/problem.js';
import { refuseChanged } from '../../../platform/http/etag.js';
import { Outbox } from '../../../platform/outbox/outbox.js';
import { type EnsembleDefinition, memberReference, type Model, type ModelVersion } from '../model.entity.js';
import { ModelFinder } from '../model-finder.js';
import { ModelsRepository, type VersionWithFiles } from '../models.repository.js';
import { formatVersion } from '../version-number.js';
import { CertaintiesRepository, type CertaintyFacts } from './certainties.repository.js';
import type { CalibrationBody } from './calibration.dto.js';
import { refuseUnclear, type ThresholdBody, type ThresholdDto } from './threshold.dto.js';
import type { Calibration, MeasuredCertainty, Threshold } from './version-certainty.entity.js';
import { thresholdFor, whyNoThreshold } from './threshold-choice.js';

/** A version that can be calibrated. */
export interface Calibratable {
  readonly modelId: string;
  readonly version: string;
  /** Name of the column that it predicts, where its signature says. */
  readonly target: string | null;
}

/** Files of a labelled table. */
export type LabelledFiles = readonly { readonly uri: string; readonly size_bytes: number }[];

/** Who asked for a calibration, of what and by which rows. */
export interface AskedCalibration {
  /** Id of the model. */
  readonly model: string;
  readonly version: string;
  readonly files: LabelledFiles;
  readonly jobId: string;
  readonly by: string;
}

const SEEN_BY = {
  early_stopping:
    'The rows also decided when training stopped: coverage and metrics on fresh rows may be a little lower.',
  training:
    'The version was trained on some of these files: coverage on fresh rows is lower than measured here.',
};

/** What is known beside versions of how sure their answers are. */
@Injectable()
export class CertaintiesService {
  constructor(
    private readonly database: Database,
    private readonly finder: ModelFinder,
    private readonly models: ModelsRepository,
    private readonly certainties: CertaintiesRepository,
    private readonly outbox: Outbox,
  ) {}

  /** @throws Problem 404 where there is no such version, or it was not calibrated */
  calibration(tenant: string, reference: string, number: string): Promise<CalibrationBody> {
    return this.database.asTenant(tenant, async (scope) => {
      const model = await this.finder.find(scope, reference);
      const version = await this.finder.findVersion(scope, model, number);
      const { calibration } = await this.certainties.find(scope, version.id);
      if (calibration) return toCalibrationBody(version, calibration);
      throw new Problem('NOT_FOUND', `Version ${formatVersion(version)} has no calibration; post one.`);
    });
  }

  /** @throws Problem 404, 409 where the version is archived or has no artifact, 422 where it answers labels alone */
  toCalibrate(tenant: string, reference: string, number: string): Promise<Calibratable> {
    return this.database.asTenant(tenant, async (scope) => {
      const model = await this.finder.find(scope, reference);
      const { signature } = await this.findCalibratable(scope, model, number);
      return { modelId: model.id, version: number, target: signature!.target };
    });
  }

  /**
   * Keeps a calibration beside its version, in place of an earlier one; a threshold that was set stays.
   * @throws Problem as `toCalibrate`, of what has changed meanwhile
   */
  async keepCalibration(
    scope: TenantScope,
    { model: id, version: number, files, jobId, by }: AskedCalibration,
    { calibration: measured, threshold_curve: thresholdCurve }: MeasuredCertainty,
  ): Promise<CalibrationBody> {
    const model = await this.finder.lock(scope, id);
    const version = await this.findCalibratable(scope, model, number);
    const seen_by = (await this.wasTrainedOn(scope, version, files)) ? (['training'] as const) : [];
    const calibration: Calibration = {
      ...measured,
      seen_by: [...measured.seen_by, ...seen_by],
      job_id: jobId,
      created_by: by,
      created_at: new Date().toISOString(),
    };
    await this.certainties.set(scope, version.id, { calibration, thresholdCurve });
    await this.models.noteChange(scope, model);
    return toCalibrationBody(version, calibration);
  }

  /** Whether a version learnt from one of these files. @throws Problem 404 where there is no such version */
  async hasSeen(scope: TenantScope, id: string, number: string, files: LabelledFiles): Promise<boolean> {
    const { found } = await this.finder.findAnswering(scope, id, number);
    return this.wasTrainedOn(scope, found, files);
  }

  /** @throws Problem 404 where there is no such version, 422 where it cannot have a threshold */
  threshold(tenant: string, reference: string, number: string): Promise<ThresholdBody> {
    return this.database.asTenant(tenant, async (scope) => {
      const model = await this.finder.find(scope, reference);
      return this.describe(scope, await this.findDeciding(scope, model, number));
    });
  }

  /**
   * The threshold that a training asked for.
   * @returns why there is none, in words to be put behind the name of the setting
   */
  thresholdOfTraining(
    asked: ThresholdDto,
    signature: SignatureDefinition,
    { threshold_curve }: MeasuredCertainty,
    by: string,
  ): Threshold | string {
    const found = whyNoThreshold(signature) ?? thresholdFor(asked, threshold_curve);
    return typeof found === 'string' ? found : signed(found, by);
  }

  /**
   * Sets from which probability on a version answers its second class.
   * @throws Problem 400 for a request that is unclear, 404, 409 where the version is archived or has no artifact, 412
   * where it changed since `ifMatch`, 422 where the version cannot have a threshold, or no such one
   */
  setThreshold(
    caller: Identity,
    reference: string,
    number: string,
    dto: ThresholdDto,
    ifMatch: string | undefined,
  ): Promise<ThresholdBody> {
    refuseUnclear(dto);
    return this.change(caller.tenant, reference, number, ifMatch, ({ thresholdCurve }) => {
      const found = thresholdFor(dto, thresholdCurve);
      if (typeof found !== 'string') return signed(found, caller.subject);
      throw unfit(thresholdCurve && dto.metric === 'recall' ? '/at_precision' : '/metric', found);
    });
  }

  /** Lets the more probable class be answered again. @throws Problem as `setThreshold` */
  removeThreshold(
    tenant: string,
    reference: string,
    number: string,
    ifMatch: string | undefined,
  ): Promise<ThresholdBody> {
    return this.change(tenant, reference, number, ifMatch, () => null);
  }

  private change(
    tenant: string,
    reference: string,
    number: string,
    ifMatch: string | undefined,
    choose: (facts: CertaintyFacts) => CertaintyFacts['threshold'],
  ): Promise<ThresholdBody> {
    return this.database.asTenant(tenant, async (scope) => {
      const model = await this.finder.lock(scope, reference);
      const version = await this.findDeciding(scope, model, number);
      refuseArchived(version);
      if (ifMatch !== undefined) refuseChanged(ifMatch, await this.describe(scope, version));
      const threshold = choose(await this.certainties.find(scope, version.id));
      await this.certainties.set(scope, version.id, { threshold });
      await this.outbox.add(scope, {
        type: 'model.threshold_changed',
        data: { model_id: model.id, version: formatVersion(version), threshold: threshold?.value ?? null },
      });
      await this.models.noteChange(scope, model);
      return this.describe(scope, version);
    });
  }

  /** @throws Problem 404, 409 where it has no artifact, 422 where it cannot have a threshold */
  private async findDeciding(scope: TenantScope, model: Model, number: string): Promise<VersionWithFiles> {
    const version = await this.finder.findVersion(scope, model, number);
    if (version.signature === null) throw noArtifact(version);
    const why = whyNoThreshold(version.signature);
    if (why) throw new Problem('VALIDATION_ERROR', `A threshold ${why}.`);
    return version;
  }

  /** @throws Problem as `toCalibrate` */
  private async findCalibratable(
    scope: TenantScope,
    model: Model,
    number: string,
  ): Promise<VersionWithFiles> {
    const version = await this.finder.findVersion(scope, model, number);
    refuseArchived(version);
    if (version.signature === null) throw noArtifact(version);
    const { output } = version.signature;
    if (output.type === 'regression' || output.probabilities_tensor !== null) return version;
    throw new Problem(
      'VALIDATION_ERROR',
      `Version ${number} answers labels alone; to say how sure it is takes probabilities.`,
    );
  }

  /**
   * Whether the version, or one that answers for a member of it now, learnt from one of these files, by path and size:
   * a copy of a folder gives each file another etag.
   */
  private async wasTrainedOn(
    scope: TenantScope,
    { origin, parameters, data }: ModelVersion,
    files: LabelledFiles,
  ): Promise<boolean> {
    const keyOf = ({ uri, size_bytes }: LabelledFiles[number]) => `${size_bytes} ${uri}`;
    // Of an ensemble: what its weights were learned by.
    const learnt = new Set(((data.train_files ?? []) as LabelledFiles).map(keyOf));
    if (files.some((file) => learnt.has(keyOf(file)))) return true;
    if (origin !== 'combined') return false;
    for (const member of (parameters as unknown as EnsembleDefinition).members) {
      const { found } = await this.finder.findAnswering(
        scope,
        memberReference(member),
        member.version ?? undefined,
      );
      if (await this.wasTrainedOn(scope, found, files)) return true;
    }
    return false;
  }

  private async describe(scope: TenantScope, { id, signature }: VersionWithFiles): Promise<ThresholdBody> {
    const { threshold, thresholdCurve } = await this.certainties.find(scope, id);
    const { labels } = signature!.output as ClassificationOutput;
    return {
      threshold: threshold?.value ?? null,
      positive_class: labels[1]!,
      choice: threshold?.choice ?? null,
      measured: threshold?.measured ?? null,
      set_by: threshold?.set_by ?? null,
      set_at: threshold?.set_at ?? null,
      curve: thresholdCurve && pointsOf(thresholdCurve),
    };
  }
}

function signed(found: Pick<Threshold, 'value' | 'choice' | 'measured'>, by: string): Threshold {
  return { ...found, set_by: by, set_at: new Date().toISOString() };
}

function toCalibrationBody(
  version: VersionWithFiles,
  { scores, spread: _, seen_by, ...shown }: Calibration,
): CalibrationBody {
  return {
    model_id: version.modelId,
    version: formatVersion(version),
    ...shown,
    highest_coverage: highestCoverage(scores),
    warnings: seen_by.map((what) => SEEN_BY[what]),
  };
}

function refuseArchived(version: VersionWithFiles): void {
  if (version.stage !== 'archived') return;
  throw new Problem(
    'STAGE_CONFLICT',
    `Version ${formatVersion(version)} is archived; move it back to development first.`,
  );
}

function noArtifact(version: VersionWithFiles): Problem {
  return new Problem('STAGE_CONFLICT', `Version ${formatVersion(version)} has no artifact yet.`);
}
