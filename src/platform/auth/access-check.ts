import { Injectable, type OnApplicationBootstrap, RequestMethod } from '@nestjs/common';
import { METHOD_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { Access } from './access.decorator.js';

/** Stops the start of a process that has a route which does not say who may call it. */
@Injectable()
export class AccessCheck implements OnApplicationBootstrap {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly reflector: Reflector,
  ) {}

  onApplicationBootstrap(): void {
    const open = this.discovery.getControllers().flatMap(({ metatype, instance }) =>
      this.scanner
        .getAllMethodNames(Object.getPrototypeOf(instance))
        .map((name) => ({ name, handler: instance[name], controller: metatype as new () => unknown }))
        .filter(
          ({ handler }) => (Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod) !== undefined,
        )
        .filter(({ handler, controller }) => !this.reflector.getAllAndOverride(Access, [handler, controller]))
        .map(({ name, controller }) => `${controller.name}.${name}`),
    );
    if (open.length > 0) throw new Error(`routes without an access rule: ${open.join(', ')}`);
  }
}
