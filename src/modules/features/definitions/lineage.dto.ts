import { ApiProperty } from '@nestjs/swagger';
import { DATA_FORMATS, type DataFormat } from '../../../platform/storage/data-files.js';

export class LineageSourceBody {
  /**
   * Files that views read.
   * @example s3://data/customers/*.parquet
   */
  path: string;

  /**
   * Their format.
   * @example parquet
   */
  @ApiProperty({ enum: DATA_FORMATS })
  format: DataFormat;
}

export class LineageViewBody {
  /**
   * Name of the view.
   * @example customer_features
   */
  name: string;

  /**
   * Version of the view.
   * @example 1
   */
  version: number;

  /**
   * Whether its features lie in a source, or are computed when they are asked for.
   * @example stored
   */
  @ApiProperty({ enum: ['stored', 'on_demand'] })
  kind: 'stored' | 'on_demand';

  /**
   * The source of its rows, or the features that its expressions read.
   * @example ["s3://data/customers/*.parquet"]
   */
  reads: string[];
}

export class LineageServiceBody {
  /**
   * Name of the feature service.
   * @example churn
   */
  name: string;

  /**
   * The features that it takes.
   * @example ["customer_features:total_orders"]
   */
  reads: string[];
}

export class FeatureModelVersionBody {
  /**
   * Model.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  /**
   * Its name.
   * @example customer_churn
   */
  model_name: string;

  /**
   * Version of the model.
   * @example 1.2.0
   */
  version: string;

  /**
   * Stage of the version.
   * @example production
   */
  stage: string;

  /**
   * The feature service whose features it was trained on.
   * @example churn
   */
  feature_service: string;
}

/** From the sources of features to the models that take them. */
export class FeatureLineageBody {
  /** Where the rows come from. */
  sources: LineageSourceBody[];

  /** Views that read these sources, and views on demand that read the views. */
  views: LineageViewBody[];

  /** Feature services that take features of the views. */
  services: LineageServiceBody[];

  /** Versions of models that take the features: the newest 200. */
  model_versions: FeatureModelVersionBody[];

  /**
   * How many such versions there are in all.
   * @example 1
   */
  model_version_count: number;
}
