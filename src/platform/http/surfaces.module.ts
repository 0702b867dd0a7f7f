import { type DynamicModule, Global, Module } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { ProblemFilter } from '../errors/problem.filter.js';
import { API, OPERATIONS } from './api.surface.js';
import { type Surface, SURFACE } from './surface.js';
import { Surfaces } from './surfaces.js';

/** Imported by the module of a surface: `SurfaceModule.of({prefixes: ['/v1'], signIn: 'api_key', errors: …})`. */
@Module({})
export class SurfaceModule {
  static of(surface: Surface): DynamicModule {
    return { module: SurfaceModule, providers: [{ provide: SURFACE, useValue: surface }] };
  }
}

@Global()
@Module({
  imports: [SurfaceModule.of(API), SurfaceModule.of(OPERATIONS)],
  providers: [
    {
      provide: Surfaces,
      inject: [ModuleRef],
      useFactory: (modules: ModuleRef) => new Surfaces(declaredSurfaces(modules)),
    },
    ProblemFilter,
  ],
  exports: [Surfaces, ProblemFilter],
})
export class SurfacesModule {}

/** What all modules declared. */
export function declaredSurfaces(modules: Pick<ModuleRef, 'get'>): Surface[] {
  return modules.get<Surface>(SURFACE, { strict: false, each: true });
}
