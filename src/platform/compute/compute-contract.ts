import type { ValidateFunction } from 'ajv';
import { compileContract, faultsOf } from '#libs/compute';

interface Names {
  /** Document of `contracts/` that the spec has to fit, without its ending. */
  readonly spec: string;
  /** `kind` of the spec. */
  readonly kind: string;
  /** Definitions of job-event.v1 that the progress and the result have to fit. */
  readonly progress?: string;
  readonly result: string;
}

/** What one kind of work is told and tells, by the contracts that the trainer reads too; docs/decisions/0063. */
export class ComputeContract<Progress, Result> {
  readonly kind: string;
  private readonly isSpec: ValidateFunction<object>;
  private readonly isProgress: ValidateFunction<Progress> | undefined;
  private readonly isResult: ValidateFunction<Result>;

  constructor(private readonly names: Names) {
    const definition = (name: string) => `job-event.v1#/definitions/${name}`;
    this.kind = names.kind;
    this.isSpec = compileContract(names.spec);
    this.isProgress = names.progress === undefined ? undefined : compileContract(definition(names.progress));
    this.isResult = compileContract(definition(names.result));
  }

  /** @throws Error naming the fields at fault: a spec is made here, so that a wrong one is a defect of the service */
  refuseUnfit(spec: object): void {
    if (!this.isSpec(spec)) throw new Error(`the spec is no ${this.names.spec}: ${faultsOf(this.isSpec)}`);
  }

  /** @throws Error where the engine reported the progress of another kind of work */
  progress(fields: unknown): Progress {
    if (!this.isProgress) throw new Error(`a ${this.kind} reports no progress`);
    if (!this.isProgress(fields))
      throw new Error(`the progress is no ${this.names.progress}: ${faultsOf(this.isProgress)}`);
    return fields;
  }

  /** @throws Error where the engine returned the result of another kind of work */
  result(fields: unknown): Result {
    if (!this.isResult(fields))
      throw new Error(`the result is no ${this.names.result}: ${faultsOf(this.isResult)}`);
    return fields;
  }
}
