import { Injectable } from '@nestjs/common';
import {
  AuthConfig,
  Config,
  HttpConfig,
  JobsConfig,
  PredictionsConfig,
  QuotasConfig,
  RateLimitConfig,
  StorageConfig,
  TasksConfig,
  TrainingConfig,
  UploadsConfig,
} from '../../config/index.js';
import type { Identity } from '../../platform/auth/identity.js';
import { JobOverview } from '../../platform/jobs/job-overview.js';
import { RateLimiter } from '../../platform/rate-limit/rate-limiter.js';
import { TenantStorage } from '../../platform/storage/tenant-storage.js';
import type { LimitsBody, MeBody, RateLimitBody, StorageBody } from './me.dto.js';

/** What callers may know of themselves and of their tenant's limits. */
@Injectable()
export class MeService {
  constructor(
    private readonly config: Config,
    private readonly rate: RateLimiter,
    private readonly jobs: JobOverview,
    private readonly storage: TenantStorage,
  ) {}

  async describe({ tenant, subject, roles }: Identity): Promise<MeBody> {
    return {
      tenant_id: tenant,
      subject,
      roles: [...roles],
      rate_limit: this.rateLimitOf(tenant),
      jobs: await this.jobs.countOpen(tenant),
      storage: await this.storageOf(tenant),
      limits: this.limits(),
    };
  }

  private rateLimitOf(tenant: string): RateLimitBody | null {
    if (this.rate.isOff) return null;
    const { perMinute, burst, bodyBytes } = this.config.get(RateLimitConfig);
    const remaining = this.rate.remaining(tenant);
    return { tokens_per_minute: perMinute, burst, bytes_per_token: bodyBytes, remaining };
  }

  private async storageOf(tenant: string): Promise<StorageBody> {
    const { objects, artifacts, log, reserved } = await this.storage.use(tenant);
    return {
      quota_bytes: this.config.get(QuotasConfig).bytes || null,
      object_bytes: objects,
      artifact_bytes: artifacts,
      log_bytes: log,
      reserved_bytes: reserved,
    };
  }

  private limits(): LimitsBody {
    const http = this.config.get(HttpConfig);
    const jobs = this.config.get(JobsConfig);
    const predictions = this.config.get(PredictionsConfig);
    return {
      rows_per_prediction: predictions.maxRows,
      samples_per_explanation: predictions.maxExplanationSamples,
      body_bytes: http.maxBodyBytes,
      plain_body_bytes: http.maxPlainBodyBytes,
      object_bytes: http.maxObjectBytes,
      uploaded_model_bytes: predictions.maxArtifactBytes,
      running_jobs_per_kind: jobs.runningPerTenant,
      open_jobs_per_kind: jobs.openPerTenant,
      waiting_rows_per_process: Math.floor(predictions.maxWaitingRows / 2),
      explanations_per_process: predictions.explanationsPerTenant,
      validations_per_process: this.config.get(TrainingConfig).validationsPerTenant,
      uploaded_model_processes: this.config.get(UploadsConfig).processesPerTenant,
      schedules: this.config.get(TasksConfig).schedulesPerTenant,
      api_keys: this.config.get(AuthConfig).apiKeysPerTenant,
      event_streams_per_process: http.eventStreamsPerTenant,
      presigned_url_seconds: this.config.get(StorageConfig).maxPresignSeconds,
    };
  }
}
