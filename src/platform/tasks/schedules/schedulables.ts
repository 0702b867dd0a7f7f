import { Injectable, type Type } from '@nestjs/common';
import { allows, type Identity, type Role } from '../../auth/identity.js';
import { fieldsProblem, Problem, unfit } from '../../errors/problem.js';
import { BodyValidationPipe } from '../../http/body-validation.pipe.js';

export interface Submitted {
  job_id: string;
  status: string;
}

/** A kind of work that schedules can submit. */
export interface Schedulable<Request extends object> {
  /** As the body of a schedule names it. */
  readonly kind: string;
  /** The body of the kind's own POST. */
  readonly request: Type<Request>;
  /** Least role that the kind's own POST asks for. */
  readonly role: Role;
  /**
   * Whatever of a request can be judged before its time has come.
   * @throws Problem as `submit` would
   */
  check(caller: Identity, request: Request): Promise<unknown>;
  /** Submits it now. @throws Problem */
  submit(caller: Identity, request: Request): Promise<Submitted>;
}

/** What can be scheduled; the module of each kind registers it. */
@Injectable()
export class Schedulables {
  private readonly kinds = new Map<string, Schedulable<object>>();
  private readonly bodies = new BodyValidationPipe();

  register<Request extends object>(schedulable: Schedulable<Request>): void {
    this.kinds.set(schedulable.kind, schedulable as Schedulable<object>);
  }

  /** @throws Problem 422 where nothing of this kind can be scheduled */
  roleOf(kind: string): Role {
    return this.of(kind).role;
  }

  /** @throws Problem 403 where the caller could not submit it by hand, 422 for the kind */
  refuseRole(caller: Identity, kind: string): void {
    const { role } = this.of(kind);
    if (!allows(caller, role)) {
      const roles = caller.roles.join(', ') || 'none';
      throw new Problem('FORBIDDEN', `a schedule of ${kind} needs the role ${role}; the token has ${roles}`);
    }
  }

  /** @throws Problem with pointers that begin with /request, as the kind's own POST would */
  check(caller: Identity, kind: string, request: unknown): Promise<unknown> {
    const schedulable = this.of(kind);
    return within('/request', async () => schedulable.check(caller, await this.read(schedulable, request)));
  }

  /** @throws Problem as `check` */
  submit(caller: Identity, kind: string, request: unknown): Promise<Submitted> {
    const schedulable = this.of(kind);
    return within('/request', async () => schedulable.submit(caller, await this.read(schedulable, request)));
  }

  private of(kind: string): Schedulable<object> {
    const found = this.kinds.get(kind);
    if (found) return found;
    throw unfit('/kind', `must be one of ${[...this.kinds.keys()].sort().join(', ')}`);
  }

  private read({ request: metatype }: Schedulable<object>, request: unknown): Promise<object> {
    return this.bodies.transform(request, { type: 'body', metatype }) as Promise<object>;
  }
}

/** Fields at fault are named as they lie in the schedule's own body. */
async function within<T>(pointer: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Problem) || !error.extra.errors) throw error;
    const errors = error.extra.errors.map((each) => ({ ...each, pointer: pointer + each.pointer }));
    throw fieldsProblem(error.code, errors);
  }
}
