import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { PredictionLogConfig } from '../../../config/index.js';
import { Changes } from '../../../platform/changes/changes.js';
import { Database } from '../../../platform/database/database.js';

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

/** Kind of the changes of settings that `LogRules` hears of; their key is the model's id. */
export const LOG_SETTINGS_CHANGE = 'prediction-log-settings';

/** In memory: what each model that has settings of its own lets be logged, as of the changes that `Changes` told of. */
@Injectable()
export class LogRules implements OnApplicationBootstrap {
  private rules = new Map<string, LogRule>();
  private readonly usual: LogRule;

  constructor(
    config: PredictionLogConfig,
    private readonly database: Database,
    changes: Changes,
  ) {
    this.usual = { sampleRate: config.sampleRate };
    changes.on(LOG_SETTINGS_CHANGE, () => this.refresh());
  }

  /** Before the first prediction: what must not be logged must not be logged by it. */
  onApplicationBootstrap(): Promise<void> {
    return this.refresh();
  }

  of(tenant: string, modelId: string): LogRule {
    if (this.rules.size === 0) return this.usual;
    return this.rules.get(`${tenant}\n${modelId}`) ?? this.usual;
  }

  async refresh(): Promise<void> {
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
  }
}
