import { Injectable } from '@nestjs/common';
import { compileSignature, Explainer, FeatureErrors, type Predictions, RowSubject } from '#libs/inference';
import { Problem } from '../../../platform/errors/problem.js';
import {
  memberReference,
  type MemberOutcome,
  type Scored,
  type ServableEnsemble,
  type ServableFile,
  ServingService,
} from '../../serving/serving.service.js';
import type { PredictRequest } from '../predict-request.js';
import { Backgrounds, unexplained } from './backgrounds.js';

/** What an ensemble is made of, as far as it answers now. */
interface MakeUp {
  /** The versions that are no ensembles, all the way down, in the order of the members. */
  readonly files: readonly ServableFile[];
  /** Whether its answer is a weighted mean of answers of versions that can each be explained. */
  readonly isMean: boolean;
}

/**
 * Ensembles as one function of their features, where that is no mean of explained members: mixtures of rows are scored as
 * requests are, whatever members and methods are in it.
 */
@Injectable()
export class EnsembleFunctions {
  constructor(
    private readonly serving: ServingService,
    private readonly backgrounds: Backgrounds,
  ) {}

  async makeUpOf(tenant: string, { ensemble }: ServableEnsemble, request: PredictRequest): Promise<MakeUp> {
    const { method, strategy } = ensemble;
    const files: ServableFile[] = [];
    let isMean = strategy === 'all' && (method === 'voting_soft' || method === 'averaging');
    for (const each of ensemble.members) {
      const asked = { ...request, model: memberReference(each), version: each.version ?? undefined };
      const servable = await this.find(tenant, asked);
      if (!servable) continue;
      const found = servable.ensemble
        ? await this.makeUpOf(tenant, servable, request)
        : { files: [servable], isMean: servable.files.background !== undefined };
      files.push(...found.files);
      isMean &&= found.isMean;
    }
    return { files, isMean };
  }

  /**
   * An explainer that compares with rows of the first version in the ensemble that was trained on all of its features.
   * @param scored how the request itself was answered; every mixture must be answered by the same members
   * @throws Problem 422 where there is no such version
   */
  async open(
    tenant: string,
    request: PredictRequest,
    scored: Scored,
    files: readonly ServableFile[],
  ): Promise<Explainer<unknown>> {
    const { modelId, version, signature } = scored.servable;
    const background = await this.findRows(tenant, scored, files);
    const { members } = scored.ensemble!;
    const answer = async (rows: readonly unknown[]): Promise<Predictions> => {
      const mixed = await this.serving.score(tenant, {
        ...request,
        model: modelId,
        version,
        rows,
        single: false,
      });
      refuseOthers(version, members, mixed.ensemble!.members);
      return mixed.predictions;
    };
    const subject = await RowSubject.open(signature, background, answer);
    const answering = files.map((file) => `${file.modelId} ${file.version}`);
    const identity = [modelId, version, ...answering].join('\n');
    return new Explainer<unknown>(subject, { isAdditive: false, identity });
  }

  private async findRows(
    tenant: string,
    { servable: { version, signature } }: Scored,
    files: readonly ServableFile[],
  ): Promise<object[]> {
    const names = signature.inputs.map(({ name }) => name);
    const complete = files.find(({ files: kept, signature: { inputs } }) => {
      const own = new Set(inputs.map(({ name }) => name));
      return kept.background && names.every((name) => own.has(name));
    });
    if (!complete) {
      const why =
        'explanations compare with rows of the training data, and no member that answers was trained here on all of its features';
      throw unexplained(version, why);
    }
    const compiled = compileSignature(signature);
    const wanted = (row: Record<string, unknown>) =>
      Object.fromEntries(names.map((name) => [name, row[name]]));
    // A row that one member would not take, such as one with a missing value, is no row of the ensemble.
    const rows = (await this.backgrounds.read(tenant, complete)).map(wanted).filter((row) => {
      try {
        compiled.encode([row]);
        return true;
      } catch (error) {
        if (error instanceof FeatureErrors) return false;
        throw error;
      }
    });
    if (rows.length > 0) return rows;
    throw unexplained(
      version,
      `no row that version ${complete.version} of ${complete.modelId} keeps suits all members`,
    );
  }

  /** undefined for a member that does not answer now. */
  private async find(tenant: string, request: PredictRequest) {
    try {
      return (await this.serving.find(tenant, request)).servable;
    } catch (error) {
      if (error instanceof Problem) return undefined;
      throw error;
    }
  }
}

/** @throws Problem 422 or 503 where mixtures are answered by other members than the request: they do not compare */
function refuseOthers(
  version: string,
  expected: readonly MemberOutcome[],
  found: readonly MemberOutcome[],
): void {
  for (const [at, first] of expected.entries()) {
    const other = found[at]!;
    if (first.within && other.within) refuseOthers(version, first.within.members, other.within.members);
    const isAsked = (outcome: MemberOutcome) => Boolean(outcome.answers ?? outcome.failure);
    // A cascade asks as many members as a row takes.
    if (!isAsked(first) || !isAsked(other)) continue;
    const failure = [first, other].find((outcome) => outcome.failure)?.failure;
    const isSame = first.failure
      ? other.failure !== undefined
      : other.servable?.version === first.servable!.version;
    if (isSame) continue;
    const why = `its member ${first.member.model_id} does not answer all mixtures of rows alike`;
    if (failure?.code === 'VALIDATION_ERROR') throw unexplained(version, `${why}: ${failure.message}`);
    throw new Problem('ENSEMBLE_DEGRADED', `Version ${version} cannot be explained now: ${why}.`, {
      headers: { 'Retry-After': '1' },
    });
  }
}
