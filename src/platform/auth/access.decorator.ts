import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import type { Identity, Role } from './identity.js';

/** Instead of a role: the least one that may read objects and artifacts, as the configuration says. */
export const OBJECT_READER = 'object reader';

/** What a route asks of whoever is signed in: the least role, or `any` for none at all. */
export type NeededRole = Role | 'any';

/** What a route asks of its caller; of one who need not sign in, `public`. Without it the process does not start. */
export const Access = Reflector.createDecorator<NeededRole | typeof OBJECT_READER | 'public'>();

/** The verified caller, as a parameter of a controller method. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Identity => {
  const { identity } = context.switchToHttp().getRequest<FastifyRequest>();
  if (!identity) throw new Error('a public route has no caller');
  return identity;
});
