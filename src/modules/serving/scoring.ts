import type { FeatureErrors, Predictions } from '#libs/inference';
import { type FieldError, fieldsProblem, Problem } from '../../platform/errors/problem.js';
import type { EnsembleMember } from '../models/model.entity.js';
import type { ServableEnsemble, ServableFile, ServableVersion } from '../models/versions.service.js';
import type { LoadedModel } from './model-catalog.js';

export interface ScoreRequest {
  /** The model as the caller names it: by id, by name or by name@stage. */
  readonly model: string;
  /** Exactly this version; undefined for the one that the model answers with now, by `VersionsService.servable`. */
  readonly version: string | undefined;
  /** JSON objects of features by name, at least one. */
  readonly rows: readonly unknown[];
  /** Whether the caller sent one row as an object rather than a list: what is wrong is then named without its number. */
  readonly single: boolean;
}

export interface Scored {
  /** The version that answered. */
  readonly servable: ServableVersion;
  readonly predictions: Predictions;
  /** Of an ensemble: how its answer came about. */
  readonly ensemble?: EnsembleOutcome;
}

/** A version, with those that answer for its members now; all the way down. */
export type ResolvedVersion =
  | { readonly servable: ServableFile; readonly members?: undefined }
  | { readonly servable: ServableEnsemble; readonly members: readonly ResolvedVersion[] };

/** What became of each member, in the order of the definition. */
export interface EnsembleOutcome {
  readonly members: readonly MemberOutcome[];
  /** Of a cascade: how many members were asked, row by row. */
  readonly asked?: readonly number[];
}

/** What became of a member: it answered, it failed, or a cascade did not get as far as to it. */
export interface MemberOutcome {
  readonly member: EnsembleMember;
  /** The version that answered. */
  readonly servable?: ServableVersion;
  /** One item a row, classes in the order of the ensemble; a cascade leaves out the rows that were not asked of it. */
  readonly answers?: Predictions;
  /** Of a member that is an ensemble: how its answer came about. */
  readonly within?: EnsembleOutcome;
  /** The share that its answer has in that of the ensemble; 0 without one, null where a meta model answers. */
  readonly share: number | null;
  /** Why it has no answer. */
  readonly failure?: MemberFailure;
}

export interface MemberFailure {
  readonly code: string;
  readonly message: string;
}

/** How one model is found and asked; an ensemble has each of its members found and asked so. */
export interface ModelRunner {
  find(tenant: string, request: ScoreRequest): LoadedModel | Promise<LoadedModel>;
  run(tenant: string, loaded: LoadedModel, request: ScoreRequest): Scored | Promise<Scored>;
}

/** The features of a request do not fit the model: every fault is the caller's. */
export class UnfitFeatures extends Problem {
  static of(faults: readonly FieldError[]): UnfitFeatures {
    const { code, detail, extra } = fieldsProblem('VALIDATION_ERROR', faults);
    return new UnfitFeatures(code, detail, extra);
  }

  /** Names every feature that does not fit; the row is named where the caller sent a list of them. */
  static inRows({ errors }: FeatureErrors, single: boolean): UnfitFeatures {
    return UnfitFeatures.of(
      errors.map(({ row, pointer, message }) => ({
        pointer: `/features${single || row === null ? '' : `/${row}`}${pointer}`,
        message,
      })),
    );
  }

  /** The faults that several models find, each said once. */
  static merge(problems: readonly UnfitFeatures[]): UnfitFeatures {
    const faults = problems.flatMap(({ extra }) => extra.errors ?? []);
    return UnfitFeatures.of([
      ...new Map(faults.map((fault) => [`${fault.pointer}\n${fault.message}`, fault])).values(),
    ]);
  }
}
