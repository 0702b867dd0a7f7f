import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { PredictionLogConfig } from '../../../config/index.js';
import { Database } from '../../../platform/database/database.js';
import { Schedule } from '../../../platform/schedule/schedule.js';
import { VersionsService } from '../../models/versions.service.js';

/** What holds for the predictions of one model. */
export interface LogRule {
  readonly sampleRate: number;
  readonly redacted?: ReadonlySet<string>;
}

interface SettingsRow {
  tenant_id: string;
  model_id: string;
  sample_rate: number | null;
  redacted_features: string[];
}

const POLL_MS = 1000;

/**
 * In memory: what each model that has settings of its own lets be logged. As true as its last look at the catalogue's
 * revision, which every change of settings raises and which it takes every second.
 */
@Injectable()
export class LogRules implements OnApplicationBootstrap {
  private rules = new Map<string, LogRule>();
  private readonly usual: LogRule;
  private revision = '';

  constructor(
    config: PredictionLogConfig,
    private readonly database: Database,
    private readonly versions: VersionsService,
    private readonly schedule: Schedule,
  ) {
    this.usual = { sampleRate: config.sampleRate };
  }

  /** Reads the rules before the first prediction, of which nothing may be logged that must not be. */
  async onApplicationBootstrap(): Promise<void> {
    await this.refresh();
    const failed = 'rules of the prediction log could not be read';
    this.schedule.every(POLL_MS, failed, () => this.refresh());
  }

  of(tenant: string, modelId: string): LogRule {
    if (this.rules.size === 0) return this.usual;
    // A caller may write the id in capital letters.
    return this.rules.get(`${tenant}\n${modelId.toLowerCase()}`) ?? this.usual;
  }

  async refresh(): Promise<void> {
    const revision = await this.versions.revision();
    if (revision === this.revision) return;
    const settings: SettingsRow[] = await this.database.system.query(
      'select tenant_id, model_id, sample_rate, redacted_features from prediction_log_settings',
    );
    this.rules = new Map(
      settings.map(({ tenant_id, model_id, sample_rate, redacted_features }) => [
        `${tenant_id}\n${model_id}`,
        {
          sampleRate: sample_rate ?? this.usual.sampleRate,
          ...(redacted_features.length > 0 && { redacted: new Set(redacted_features) }),
        },
      ]),
    );
    this.revision = revision;
  }
}
