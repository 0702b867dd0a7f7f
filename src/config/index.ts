import { AsyncPredictionsConfig } from './async-predictions.config.js';
import { AuthConfig } from './auth.config.js';
import { BatchConfig } from './batch.config.js';
import { CommandsConfig } from './commands.config.js';
import { DatabaseConfig } from './database.config.js';
import { type ConfigClass, ConfigError, describeEnvironment, readConfig } from './environment.js';
import { EventsConfig } from './events.config.js';
import { FeatureJobsConfig } from './feature-jobs.config.js';
import { FeaturesConfig } from './features.config.js';
import { FeatureDefinitionsConfig } from './feature-definitions.config.js';
import { HttpConfig } from './http.config.js';
import { JobsConfig } from './jobs.config.js';
import { PredictionLogConfig } from './prediction-log.config.js';
import { PredictionsConfig } from './predictions.config.js';
import { productionFaults } from './production.js';
import { QuotasConfig } from './quotas.config.js';
import { RateLimitConfig } from './rate-limit.config.js';
import { RedisConfig } from './redis.config.js';
import { RuntimeConfig } from './runtime.config.js';
import { S3Config } from './s3.config.js';
import { DEVELOPMENT_GRANTS, StorageConfig } from './storage.config.js';
import { TasksConfig } from './tasks.config.js';
import { TelemetryConfig } from './telemetry.config.js';
import { TrainingConfig } from './training.config.js';
import { TuningConfig } from './tuning.config.js';
import { UploadsConfig } from './uploads.config.js';
import { WebhooksConfig } from './webhooks.config.js';

export {
  AsyncPredictionsConfig,
  AuthConfig,
  BatchConfig,
  ConfigError,
  DatabaseConfig,
  EventsConfig,
  FeatureJobsConfig,
  FeaturesConfig,
  FeatureDefinitionsConfig,
  HttpConfig,
  JobsConfig,
  PredictionLogConfig,
  PredictionsConfig,
  QuotasConfig,
  RateLimitConfig,
  RedisConfig,
  RuntimeConfig,
  S3Config,
  StorageConfig,
  TasksConfig,
  TelemetryConfig,
  TrainingConfig,
  TuningConfig,
  UploadsConfig,
  WebhooksConfig,
};

const types: readonly ConfigClass[] = [
  RuntimeConfig,
  HttpConfig,
  AuthConfig,
  DatabaseConfig,
  RedisConfig,
  StorageConfig,
  S3Config,
  JobsConfig,
  TasksConfig,
  EventsConfig,
  WebhooksConfig,
  TrainingConfig,
  TuningConfig,
  PredictionsConfig,
  PredictionLogConfig,
  AsyncPredictionsConfig,
  BatchConfig,
  FeatureJobsConfig,
  FeaturesConfig,
  FeatureDefinitionsConfig,
  UploadsConfig,
  RateLimitConfig,
  QuotasConfig,
  TelemetryConfig,
  CommandsConfig,
];

/** The config instances by class. */
export class Config {
  constructor(private readonly instances: ReadonlyMap<ConfigClass, object>) {}

  get<T extends object>(type: ConfigClass<T>): T {
    return this.instances.get(type) as T;
  }

  entries(): [ConfigClass, object][] {
    return [...this.instances];
  }
}

/**
 * Reads and checks the whole environment.
 * @throws ConfigError naming every fault.
 */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const faults: string[] = [];
  const config = new Config(new Map(types.map((type) => [type, readConfig(type, env, faults)])));
  checkTogether(config, faults);
  if (config.get(RuntimeConfig).isProduction) {
    faults.push(...productionFaults((type) => config.get(type)));
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}

/**
 * Each setting, checked by itself: for commands that are no server and need only some of them.
 * @throws ConfigError naming every fault.
 */
export function loadSettings(env: NodeJS.ProcessEnv = process.env): Config {
  const faults: string[] = [];
  const config = new Config(new Map(types.map((type) => [type, readConfig(type, env, faults)])));
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}

/** Every default, unchecked: for what describes the service without running it. */
export function defaultConfig(): Config {
  return new Config(new Map(types.map((type) => [type, new type()])));
}

/** The text of `.env.example`. */
export function environmentExample(): string {
  return describeEnvironment(types);
}

function checkTogether(config: Config, faults: string[]): void {
  const auth = config.get(AuthConfig);
  if (!auth.secret === !auth.jwksUrl) {
    faults.push('MODELPLANE_JWT_SECRET, MODELPLANE_JWT_JWKS_URL: exactly one of them must be set');
  }
  const database = config.get(DatabaseConfig);
  if (!database.url) faults.push('DATABASE_URL: must be set');
  if (!database.systemUrl) faults.push('MODELPLANE_DATABASE_SYSTEM_URL: must be set');
  if (!config.get(RedisConfig).url) faults.push('REDIS_URL: must be set');
  if (!config.get(WebhooksConfig).key) faults.push('MODELPLANE_WEBHOOKS_KEY: must be set');

  const predictions = config.get(PredictionsConfig);
  if (predictions.modelCacheBytes < predictions.maxArtifactBytes) {
    faults.push('MODELPLANE_MODEL_CACHE_BYTES: must be at least MODELPLANE_MAX_ARTIFACT_BYTES');
  }

  const runtime = config.get(RuntimeConfig);
  const { processes } = config.get(HttpConfig);
  if (processes > 1 && runtime.role === 'all') {
    faults.push('MODELPLANE_API_PROCESSES: more than one needs MODELPLANE_ROLE=api, and workers beside it');
  }
  config.get(RateLimitConfig).processes ||= processes;
  config.get(FeaturesConfig).redisUrl ||= config.get(RedisConfig).url;
  const storage = config.get(StorageConfig);
  const s3 = config.get(S3Config);
  if (storage.kind === 's3' && !s3.accessKeyId !== !s3.secretAccessKey) {
    faults.push('AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: both of them must be set, or neither');
  }
  if (runtime.environment === 'development' && storage.grants.size === 0) {
    storage.grants = DEVELOPMENT_GRANTS;
  }
}
