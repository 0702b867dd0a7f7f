import { Env, integer } from './environment.js';

/** Definitions of features. */
export class FeatureDefinitionsConfig {
  @Env(
    'MODELPLANE_FEATURES_MAX_DEFINITIONS',
    integer(1, 100_000),
    'Definitions of features that a tenant may have: entities, versions of views and services together. Servers keep those of a tenant in memory.',
  )
  mostOfTenant = 2000;
}
