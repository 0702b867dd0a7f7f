import { Injectable, type Type } from '@nestjs/common';
import { refuseUnwieldy } from '../http/body-shape.js';
import { BodyValidationPipe } from '../http/body-validation.pipe.js';
import type { JobKind } from './job-kind.js';
import { JobsService } from './jobs.service.js';

/** Makes submissions of earlier ones. */
@Injectable()
export class JobReruns {
  private readonly bodies = new BodyValidationPipe();

  constructor(private readonly jobs: JobsService) {}

  /**
   * The body that a job was submitted with, changed, and checked as the body of a submission is.
   * @param type class of the body
   * @param changes JSON merge patch (RFC 7396): objects are merged name by name, null takes a name out; undefined: none
   * @throws Problem 404 where the tenant has no such job of this kind, 400 for what a submission is refused for, 409
   *   where another job submitted it
   */
  async request<Request extends object>(
    tenant: string,
    kind: JobKind,
    id: string,
    type: Type<Request>,
    changes: unknown,
  ): Promise<Request> {
    const submitted = await this.jobs.submittedBody(tenant, kind, id);
    // A request without a body has null or undefined for it.
    if (changes !== undefined && changes !== null) refuseUnwieldy(changes);
    const body = merged(submitted, changes ?? {});
    return this.bodies.transform(body, { type: 'body', metatype: type }) as Promise<Request>;
  }
}

/** RFC 7396, section 2. */
function merged(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merged(result[name], value);
  }
  return result;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
