import { Injectable, type OnApplicationBootstrap, RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { Surfaces } from '../http/surfaces.js';
import { Access } from './access.decorator.js';

/**
 * Stops the start of a process that has a route which does not say who may call it, or asks for a role where nobody can
 * sign in.
 */
@Injectable()
export class AccessCheck implements OnApplicationBootstrap {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly reflector: Reflector,
    private readonly surfaces: Surfaces,
  ) {}

  onApplicationBootstrap(): void {
    const routes = this.discovery.getControllers().flatMap(({ metatype, instance }) => {
      const controller = metatype as new () => unknown;
      return this.scanner
        .getAllMethodNames(Object.getPrototypeOf(instance))
        .map((name) => ({ name: `${controller.name}.${name}`, handler: instance[name], controller }))
        .filter(
          ({ handler }) => (Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod) !== undefined,
        )
        .map(({ name, handler }) => ({
          name,
          url: urlOf(controller, handler),
          access: this.reflector.getAllAndOverride(Access, [handler, controller]),
        }));
    });
    const open = routes.filter(({ access }) => !access);
    if (open.length > 0) throw new Error(`routes without an access rule: ${namesOf(open)}`);
    const closed = routes.filter(
      ({ access, url }) => access !== 'public' && this.surfaces.at(url).signIn === 'none',
    );
    if (closed.length > 0) throw new Error(`routes with a role where nobody signs in: ${namesOf(closed)}`);
  }
}

function urlOf(controller: object, handler: object): string {
  const paths = [controller, handler].map((of) => Reflect.getMetadata(PATH_METADATA, of) as string);
  return paths
    .map((path) => `/${path}`)
    .join('')
    .replace(/\/+/g, '/');
}

function namesOf(routes: readonly { name: string }[]): string {
  return routes.map(({ name }) => name).join(', ');
}
