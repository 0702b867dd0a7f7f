import { Injectable } from '@nestjs/common';
import { type Problem, unfit } from '../../../platform/errors/problem.js';
import { Artifacts } from '../../../platform/storage/artifacts.js';
import type { ServableFile } from '../../serving/serving.service.js';

const MAX_BYTES = 2 ** 24;

/** background.json of the trainer. */
interface Background {
  readonly features: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

/** Rows of the training data that versions keep for explanations to compare with. */
@Injectable()
export class Backgrounds {
  constructor(private readonly artifacts: Artifacts) {}

  /** Features by name, at least one row. @throws Problem 422 where the version has none */
  async read(tenant: string, servable: ServableFile): Promise<Record<string, unknown>[]> {
    const bytes = await this.artifacts.readChecked(tenant, backgroundOf(servable), MAX_BYTES);
    const { features, rows } = JSON.parse(bytes.toString('utf8')) as Background;
    if (rows.length === 0)
      throw unexplained(servable.version, 'its training data had no row that a prediction takes');
    return rows.map((row) => Object.fromEntries(features.map((name, at) => [name, row[at]])));
  }
}

/** Digest of the training rows that explanations of a version compare with. @throws Problem 422 where the version has none */
export function backgroundOf({ files, origin, version }: ServableFile): string {
  if (files.background) return files.background.sha256;
  throw unexplained(
    version,
    origin === 'uploaded'
      ? 'it was uploaded, and only versions that are trained here keep the rows that explanations compare with'
      : 'it was trained before rows for explanations were kept; train the model again',
  );
}

export function unexplained(version: string, why: string): Problem {
  return unfit('/options/return_explanation', `version ${version} cannot be explained: ${why}`);
}
