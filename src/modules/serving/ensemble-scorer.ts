import { Injectable } from '@nestjs/common';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import {
  type Answers,
  combineAnswers,
  compileSignature,
  FeatureErrors,
  type Label,
  type MemberFit,
  ModelUnavailable,
  type Predictions,
  reorderClasses,
  rowsOf,
  type Signature,
} from '#libs/inference';
import { asProblem } from '../../platform/errors/problem.filter.js';
import { Problem } from '../../platform/errors/problem.js';
import { AppLogger } from '../../platform/observability/logger.js';
import { Metrics } from '../../platform/observability/metrics.js';
import { fitAsMember } from '../models/ensemble-versions.service.js';
import { type EnsembleMember, memberReference } from '../models/model.entity.js';
import type { ServableEnsemble, ServableVersion } from '../models/versions.service.js';
import type { LoadedModel } from './model-catalog.js';
import {
  type MemberOutcome,
  type ModelRunner,
  type Scored,
  type ScoreRequest,
  UnfitFeatures,
} from './scoring.js';

/** Milliseconds before a member is asked again, doubled with each further time. */
const FIRST_PAUSE_MS = 50;
const RETRY_AFTER_SECONDS = '1';
/** Members that run on this thread do so one after the other; after this long, others have their turn between them. */
const MAX_BLOCKING_MS = 5;

/** What is kept of an ensemble's version as long as it answers. */
interface Compiled {
  readonly servable: ServableEnsemble;
  /** Classes; none of a regression. */
  readonly labels: readonly Label[];
  readonly members: readonly Place[];
  /** Of a cascade, once it was asked. */
  signature?: Signature;
}

/** A member, with the version that answered for it last and how that fits. */
interface Place {
  readonly member: EnsembleMember;
  /** The model as `ScoreRequest` names it. */
  readonly model: string;
  readonly version: string | undefined;
  fitted?: { readonly servable: ServableVersion; readonly fit: MemberFit | string };
}

/** What asking a member comes to, unless the request is at fault. */
type Outcome = MemberOutcome | UnfitFeatures;

interface Question {
  readonly runner: ModelRunner;
  readonly tenant: string;
  readonly ensemble: Compiled;
  readonly request: ScoreRequest;
}

/**
 * Asks the members of an ensemble and makes their answers one. A member that fails leaves its weight to the others, as
 * long as those are enough. Where all members are in memory and their runs are short, nothing is waited for.
 */
@Injectable()
export class EnsembleScorer {
  /** An ensemble is forgotten together with the answer of the registry that named it. */
  private readonly compiled = new WeakMap<ServableEnsemble, Compiled>();
  private readonly failures;

  constructor(
    private readonly logger: AppLogger,
    metrics: Metrics,
  ) {
    this.failures = metrics.counter(
      'modelplane_ensemble_member_failures_total',
      'Members of ensembles that were asked and did not answer in time, or not at all.',
    );
  }

  /**
   * @throws UnfitFeatures for faults of the request; Problem 503 ENSEMBLE_DEGRADED where too few members answer, naming
   * each that does not and why
   */
  score(
    runner: ModelRunner,
    tenant: string,
    servable: ServableEnsemble,
    request: ScoreRequest,
  ): Scored | Promise<Scored> {
    const ensemble = this.compile(servable);
    const question = { runner, tenant, ensemble, request };
    const { strategy, parallel_inference } = servable.ensemble;
    if (strategy === 'cascade') return this.cascade(question);
    return parallel_inference ? this.askAll(question) : this.askInTurn(question);
  }

  private compile(servable: ServableEnsemble): Compiled {
    let compiled = this.compiled.get(servable);
    if (!compiled) {
      const { output } = servable.signature;
      const members = servable.ensemble.members.map((member) => ({
        member,
        model: memberReference(member),
        version: member.version ?? undefined,
      }));
      compiled = { servable, labels: output.type === 'classification' ? output.labels : [], members };
      this.compiled.set(servable, compiled);
    }
    return compiled;
  }

  private askAll(question: Question): Scored | Promise<Scored> {
    const { members } = question.ensemble;
    const outcomes = new Array<Outcome | Promise<Outcome>>(members.length);
    const began = performance.now();
    let isWaitedFor = false;
    for (let at = 0; at < members.length; at++) {
      if (performance.now() - began > MAX_BLOCKING_MS) return this.askOthers(question, outcomes, at);
      const outcome = this.ask(question, members[at]!);
      if (outcome instanceof Promise) isWaitedFor = true;
      outcomes[at] = outcome;
    }
    if (!isWaitedFor) return answerOf(question, outcomes as Outcome[]);
    return settled(outcomes).then((all) => answerOf(question, all));
  }

  /** Asks the members from `from` on, each in a turn of the event loop of its own: others wait for this thread, too. */
  private async askOthers(
    question: Question,
    outcomes: (Outcome | Promise<Outcome>)[],
    from: number,
  ): Promise<Scored> {
    for (let at = from; at < outcomes.length; at++) {
      await nextTurn();
      outcomes[at] = this.ask(question, question.ensemble.members[at]!);
    }
    return answerOf(question, await settled(outcomes));
  }

  private async askInTurn(question: Question): Promise<Scored> {
    const outcomes: Outcome[] = [];
    for (const place of question.ensemble.members) outcomes.push(await this.ask(question, place));
    return answerOf(question, outcomes);
  }

  /** Asks one member after the other, each for the rows of which those before it are not confident enough. */
  private async cascade(question: Question): Promise<Scored> {
    const { ensemble, request } = question;
    const definition = ensemble.servable.ensemble;
    const { fail_on_partial, min_models_required, threshold } = definition;
    // Whether a request fits must not depend on how many members it takes to answer it.
    await this.checkRows(ensemble, request);
    const asked = new Array<number>(request.rows.length).fill(0);
    const combined: Required<Answers> = { predictions: [], probabilities: [], confidences: [] };
    const outcomes: MemberOutcome[] = [];
    let open = [...request.rows.keys()];
    for (const place of ensemble.members) {
      if (open.length === 0) {
        outcomes.push({ member: place.member, share: 0 });
        continue;
      }
      const rows = open.map((row) => request.rows[row]);
      const outcome = await this.ask({ ...question, request: { ...request, rows } }, place);
      if (outcome instanceof UnfitFeatures) throw outcome;
      outcomes.push(spread(outcome, open));
      for (const row of open) asked[row]!++;
      const answered = outcomes.filter((each) => each.answers);
      if (outcome.failure && (fail_on_partial || place.member.required)) break;
      if (!outcome.answers) continue;
      const shares = sharesOf(answered);
      const answers = answered.map((each) => gather(each.answers!, open));
      const soFar = combineAnswers(definition, ensemble.labels, answers, shares) as Required<Answers>;
      open.forEach((row, at) => {
        combined.predictions[row] = soFar.predictions[at]!;
        combined.probabilities[row] = soFar.probabilities[at]!;
        combined.confidences[row] = soFar.confidences[at]!;
      });
      if (answered.length < min_models_required) continue;
      open = open.filter((_, at) => soFar.confidences[at]! < threshold!);
    }
    refuseDegraded(ensemble, outcomes);
    const members = withShares(outcomes);
    return {
      servable: ensemble.servable,
      predictions: { ...combined, warnings: warningsOf(ensemble, members) },
      ensemble: { members, asked },
    };
  }

  /** @throws UnfitFeatures */
  private async checkRows(ensemble: Compiled, { rows, single }: ScoreRequest): Promise<void> {
    ensemble.signature ??= compileSignature(ensemble.servable.signature);
    try {
      await ensemble.signature.encodeInTurns(rows);
    } catch (error) {
      throw error instanceof FeatureErrors ? UnfitFeatures.inRows(error, single) : error;
    }
  }

  /** Asks one member; its failure is an outcome, too, unless it is the request that is at fault. */
  private ask(question: Question, place: Place): Outcome | Promise<Outcome> {
    let first: MemberOutcome | Promise<MemberOutcome>;
    try {
      first = this.attempt(question, place);
    } catch (error) {
      if (!passes(error) || place.member.retries === 0) return this.failed(place, error);
      first = Promise.reject(error as Error);
    }
    return first instanceof Promise ? this.wait(question, place, first) : first;
  }

  private attempt(question: Question, place: Place): MemberOutcome | Promise<MemberOutcome> {
    const { runner, tenant, request } = question;
    const { rows, single } = request;
    const ask = { model: place.model, version: place.version, rows, single };
    const found = runner.find(tenant, ask);
    return found instanceof Promise
      ? found.then((loaded) => this.run(question, place, loaded, ask))
      : this.run(question, place, found, ask);
  }

  private run(
    { runner, tenant, ensemble }: Question,
    place: Place,
    loaded: LoadedModel,
    request: ScoreRequest,
  ): MemberOutcome | Promise<MemberOutcome> {
    const { servable } = loaded;
    if (place.fitted?.servable !== servable) {
      const { signature, ensemble: definition } = ensemble.servable;
      place.fitted = { servable, fit: fitAsMember(place.member, servable, signature, definition) };
    }
    const { fit } = place.fitted;
    if (typeof fit === 'string') throw new Problem('VALIDATION_ERROR', `Version ${servable.version} ${fit}.`);
    const scored = runner.run(tenant, loaded, { ...request, rows: rowsOf(fit, request.rows) });
    const { member } = place;
    const answered = ({ predictions, ensemble: within }: Scored): MemberOutcome => {
      const answers = { ...reorderClasses(predictions, fit.order), warnings: predictions.warnings };
      return { member, servable, answers, share: 0, ...(within && { within }) };
    };
    return scored instanceof Promise ? scored.then(answered) : answered(scored);
  }

  /** Waits for a member as long as it has time, and asks it again where it cannot answer for a moment. */
  private async wait(question: Question, place: Place, first: Promise<MemberOutcome>): Promise<Outcome> {
    const { timeout_ms, retries } = place.member;
    const end = performance.now() + timeout_ms;
    let attempt: MemberOutcome | Promise<MemberOutcome> = first;
    for (let tries = 0; ; tries++) {
      try {
        return await inTime(attempt, end - performance.now(), timeout_ms);
      } catch (error) {
        const pause = FIRST_PAUSE_MS * 2 ** tries;
        if (tries >= retries || !passes(error) || performance.now() + pause >= end)
          return this.failed(place, error);
        await sleep(pause);
      }
      // What is thrown at once is handled as what is rejected later.
      attempt = new Promise((resolve) => resolve(this.attempt(question, place)));
    }
  }

  private failed({ member }: Place, error: unknown): Outcome {
    if (error instanceof UnfitFeatures) return error;
    this.failures.inc();
    const { code, detail: message } = asProblem(error);
    if (code === 'INTERNAL_ERROR') this.logger.failure('a member of an ensemble failed', error);
    return { member, share: 0, failure: { code, message } };
  }
}

/** `ask` never rejects. */
function settled(outcomes: readonly (Outcome | Promise<Outcome>)[]): Promise<Outcome[]> {
  return Promise.all(outcomes.map((outcome) => Promise.resolve(outcome)));
}

/** Whether it may go well a moment later. */
function passes(error: unknown): boolean {
  return error instanceof ModelUnavailable || (error instanceof Problem && error.status === 503);
}

/** @throws Problem where the attempt takes longer than is left of the member's time; nobody hears of its end then */
function inTime<T>(attempt: T | Promise<T>, leftMs: number, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Problem('MODEL_UNAVAILABLE', `It did not answer within ${timeoutMs} ms.`));
    const timer = setTimeout(late, Math.max(0, leftMs));
    Promise.resolve(attempt).then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error as Error);
      },
    );
  });
}

function answerOf({ ensemble }: Question, outcomes: readonly Outcome[]): Scored {
  const unfit = outcomes.filter((outcome) => outcome instanceof UnfitFeatures);
  if (unfit.length > 0) throw UnfitFeatures.merge(unfit);
  const known = outcomes as readonly MemberOutcome[];
  refuseDegraded(ensemble, known);
  const definition = ensemble.servable.ensemble;
  const members = withShares(known);
  const answered = members.filter((outcome) => outcome.answers);
  const answers = combineAnswers(
    definition,
    ensemble.labels,
    answered.map((outcome) => outcome.answers!),
    answered.map(({ share }) => share!),
    definition.method === 'rank' ? answered.map(({ member }) => member.rank_scale!) : undefined,
  );
  return {
    servable: ensemble.servable,
    predictions: { ...answers, warnings: warningsOf(ensemble, members) },
    ensemble: { members: definition.method === 'stacking' ? withoutShares(members) : members },
  };
}

/** @throws Problem 503 where those that answered are too few, or one that must answer did not */
function refuseDegraded({ servable, members }: Compiled, outcomes: readonly MemberOutcome[]): void {
  const { fail_on_partial, min_models_required } = servable.ensemble;
  const failed = outcomes.filter(({ failure }) => failure);
  const answered = outcomes.filter(({ answers }) => answers);
  const isMissing = failed.length > 0 && (fail_on_partial || failed.some(({ member }) => member.required));
  const isEnough = answered.length >= min_models_required && answered.some(({ member }) => member.weight > 0);
  if (!isMissing && isEnough) return;
  const need = fail_on_partial
    ? 'all have to'
    : isMissing
      ? 'one did not that has to'
      : `${min_models_required} have to, one of them with a weight`;
  const detail = `${answered.length} of ${members.length} members answered, and ${need}.`;
  throw new Problem('ENSEMBLE_DEGRADED', detail, {
    headers: { 'Retry-After': RETRY_AFTER_SECONDS },
    errors: outcomes.flatMap(({ failure, member }, at) =>
      failure ? [{ pointer: `/members/${at}`, message: `${member.model_id}: ${failure.message}` }] : [],
    ),
  });
}

/** Gives each member that answered its part of the weights of all that did. */
function withShares(outcomes: readonly MemberOutcome[]): MemberOutcome[] {
  const shares = sharesOf(outcomes.filter(({ answers }) => answers));
  let next = 0;
  return outcomes.map((outcome) => (outcome.answers ? { ...outcome, share: shares[next++]! } : outcome));
}

/** A meta model takes no part of an answer from anybody. */
function withoutShares(outcomes: readonly MemberOutcome[]): MemberOutcome[] {
  return outcomes.map((outcome) => ({ ...outcome, share: null }));
}

function sharesOf(answered: readonly MemberOutcome[]): number[] {
  const sum = answered.reduce((total, { member }) => total + member.weight, 0);
  return answered.map(({ member }) => member.weight / sum);
}

function warningsOf({ members }: Compiled, outcomes: readonly MemberOutcome[]): string[] {
  const warnings = new Set(outcomes.flatMap(({ answers }) => answers?.warnings ?? []));
  const failed = outcomes.filter(({ failure }) => failure);
  if (failed.length > 0)
    warnings.add(`the ensemble is degraded: ${failed.length} of ${members.length} members did not answer`);
  return [...warnings];
}

/** Puts the answers to some of the rows in the places of these among all. */
function spread(outcome: MemberOutcome, rows: readonly number[]): MemberOutcome {
  const { answers } = outcome;
  if (!answers) return outcome;
  const place = <T>(values: readonly T[]): T[] => {
    const placed: T[] = [];
    rows.forEach((row, at) => (placed[row] = values[at]!));
    return placed;
  };
  return { ...outcome, answers: mapAnswers(answers, place) };
}

function gather(answers: Predictions, rows: readonly number[]): Predictions {
  return mapAnswers(answers, (values) => rows.map((row) => values[row]!));
}

function mapAnswers(
  { predictions, probabilities, confidences, warnings }: Predictions,
  change: <T>(values: readonly T[]) => T[],
): Predictions {
  return {
    predictions: change(predictions),
    ...(probabilities && { probabilities: change(probabilities) }),
    ...(confidences && { confidences: change(confidences) }),
    warnings,
  };
}
