import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { TenantScope } from '../database/database.js';
import type { JobAttempt } from './job-attempt.js';
import type { AttemptRef, JobKind } from './job-kind.js';
import { JobKinds } from './job-kinds.js';
import type { Job } from './job.entity.js';

/**
 * How an attempt ended. `commit` publishes the results in the transaction that ends the row, and returns their names.
 * After `gave_way` another attempt goes on with what this one has kept.
 */
export type Outcome<Result = unknown> =
  | {
      type: 'succeeded';
      metrics: Job['metrics'];
      /** @param row the job as it is now, locked @throws GoesOn */
      commit: (scope: TenantScope, row: Job) => Promise<Result>;
    }
  | { type: 'failed'; code: string; message: string }
  /** `cause` names what the job itself did to its process; the same name in two attempts in a row is enough. */
  | { type: 'crashed'; cause?: string | null; message: string }
  | { type: 'gave_way' }
  | { type: 'aborted' };

/** Thrown by `commit` where the job was given more to do after its attempt began: another attempt goes on. */
export class GoesOn extends Error {}

/** Does the work of one kind of job. */
export interface JobHandler<Spec = unknown, Progress = unknown, Result = unknown> {
  /**
   * Works until the job ends or `attempt.signal` is aborted; where the kind can give way, also until the first border
   * of the work after `attempt.giveWay` is aborted. A Problem or ObjectStoreError fails the job.
   */
  run(attempt: JobAttempt<Spec, Progress>): Promise<Outcome<Result>>;
  /** Runs after the row has ended or was given back, to clear away what the attempt left. */
  cleanUp?(attempt: AttemptRef): Promise<void>;
}

/** Marks the provider that does the work of a kind. */
export const Handles = DiscoveryService.createDecorator<JobKind>();

/** The handlers that the modules of this process provide. A process does not start unless each kind has exactly one. */
@Injectable()
export class JobHandlers implements OnModuleInit {
  private readonly handlers: [JobKind, JobHandler][] = [];

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly kinds: JobKinds,
  ) {}

  get all(): readonly [JobKind, JobHandler][] {
    return this.handlers;
  }

  /** @throws Error unless every kind has exactly one handler, and every handler a kind that a module has declared */
  onModuleInit(): void {
    const found = this.discovery.getProviders({ metadataKey: Handles.KEY }).map((provider) => ({
      kind: this.discovery.getMetadataByDecorator(Handles, provider) as JobKind,
      handler: provider.instance as JobHandler,
    }));
    const stray = found.find(({ kind }) => this.kinds.find(kind.name) !== kind);
    if (stray) throw new Error(`jobs of the kind ${stray.kind.name} have a handler and no JobKindModule`);
    for (const kind of this.kinds.all) {
      const [own, ...others] = found.filter((each) => each.kind === kind);
      if (!own) throw new Error(`jobs of the kind ${kind.name} have no handler`);
      if (others.length > 0)
        throw new Error(`jobs of the kind ${kind.name} have ${others.length + 1} handlers; it must be one`);
      this.handlers.push([kind, own.handler]);
    }
  }
}
